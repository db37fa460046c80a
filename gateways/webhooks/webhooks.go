// Package webhooks delivers to hospitals what happened to their orders: each hospital's events in order, a batch at a
// time, signed, and again until it has taken them. How far each hospital is stands in its ledger (domain/delivery).
package webhooks

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"orderengine/domain/delivery"
	"orderengine/domain/institution"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/gateways/messages"
)

// MaxBatch is how many events are sent at once.
const MaxBatch = 50

// pollEvery lies between looks at what is to be delivered, and to whom.
const pollEvery = 500 * time.Millisecond

// Event is one of a hospital's events.
type Event struct {
	Position eventstore.Position
	At       time.Time // it occurred
	JSON     []byte    // its CloudEvents envelope
}

type (
	// Hospitals tell where events go.
	Hospitals interface {
		Load(ctx context.Context, code string) (decider.Result[institution.Hospital], error)
	}
	// Ledgers say how far each hospital is.
	Ledgers interface {
		Load(ctx context.Context, code string) (decider.Result[delivery.Delivery], error)
		Execute(ctx context.Context, code string, call decider.Call, c delivery.Command) (decider.Result[delivery.Delivery], error)
	}
)

// Courier delivers to all hospitals that have a webhook. Its fields are set before Run.
type Courier struct {
	// List gives the codes of the hospitals that have a webhook.
	List func(ctx context.Context) ([]string, error)
	// Events gives up to limit of a hospital's events after a position, in order and with none left out.
	Events    func(ctx context.Context, code string, after eventstore.Position, limit int) ([]Event, error)
	Hospitals Hospitals
	Ledgers   Ledgers
	Key       Key
	Sender    delivery.Sender
	Timeout   time.Duration // of one try
	MaxWait   time.Duration // the longest between tries; at most [delivery.MaxWait]
	Now       func() time.Time
	Logger    *slog.Logger

	client *http.Client
	mu     sync.Mutex
	rounds map[string]*round // by hospital: each has one of its own, so that none waits for another
}

// Run delivers until ctx ends, and returns when what was being sent has its answer. It may be run again.
func (c *Courier) Run(ctx context.Context) error {
	c.client = messages.NewClient(c.Timeout)
	defer c.client.CloseIdleConnections()
	defer c.forget()
	var work sync.WaitGroup
	defer work.Wait()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if codes, err := c.List(ctx); err == nil { // without views, who is known goes on
			c.assign(ctx, codes, &work)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// assign begins a round for each hospital that has none and ends those of hospitals that have no webhook any more. A
// hospital that comes back meanwhile waits for its round to end, since nothing else may be on its way to it.
func (c *Courier) assign(ctx context.Context, codes []string, work *sync.WaitGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for code, r := range c.rounds {
		if !slices.Contains(codes, code) {
			r.stop()
		}
		if r.hasEnded() {
			delete(c.rounds, code)
		}
	}
	if c.rounds == nil {
		c.rounds = map[string]*round{}
	}
	for _, code := range codes {
		if c.rounds[code] == nil {
			ctx, stop := context.WithCancel(ctx)
			r := newRound(c, code, stop)
			c.rounds[code] = r
			work.Go(func() { r.run(ctx) })
		}
	}
}

// forget tells nothing of the deliveries any more: they are another server's, and go on.
func (c *Courier) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rounds = nil
}

// Statuses are how the deliveries go, by hospital.
func (c *Courier) Statuses() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Status, 0, len(c.rounds))
	for _, r := range c.rounds {
		all = append(all, r.shown())
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Hospital, b.Hospital) })
	return all
}

// Status is how the deliveries to one hospital go; the zero Status if there are none.
func (c *Courier) Status(hospital string) Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rounds[hospital]; r != nil {
		return r.shown()
	}
	return Status{}
}
