package webhooks

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/delivery"
	"orderengine/domain/institution"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
)

const (
	firstWait   = time.Second      // before a batch is sent again, if no more than MaxWait; it doubles each time
	recordLimit = 10 * time.Second // for writing down what became of a try
)

// Status is how the deliveries to one hospital go, as this server sees it.
type Status struct {
	Hospital  string
	Failures  int       // tries since the last that went well
	Since     time.Time // of the first of these
	Why       string    // the last of these failed
	Oldest    time.Time // when the first event that is not delivered occurred, zero if all are
	Delivered int       // events that this server has delivered
}

// follow takes in what the ledger says. Of the failures it has not each, but another server's too. A secret that cannot
// be opened since some time is a failure that is not written down.
func (s *Status) follow(d delivery.Delivery, unopened time.Time) {
	if d.Failures == 0 {
		s.Failures, s.Why = 0, ""
	}
	if d.Failures > s.Failures {
		s.Failures, s.Why = d.Failures, d.Why
	}
	s.Since = d.Since
	if s.Failures == 0 && !unopened.IsZero() {
		s.Failures, s.Why, s.Since = 1, ErrSealed.Error(), unopened
	}
}

// round delivers to one hospital, one batch after the other.
type round struct {
	courier *Courier
	code    string
	stop    context.CancelFunc // ends the round
	ended   chan struct{}

	failed delivery.Batch      // that was tried last and not taken
	hook   institution.Webhook // where it was sent
	wait   time.Duration       // between its tries
	due    time.Time           // of the next one
	// taken is where the ledger has the batch that the hospital took last, if that could not be written down.
	taken eventstore.Revision
	// unopened is since when the secret cannot be opened, zero if it can.
	unopened time.Time

	mu     sync.Mutex
	status Status
}

func newRound(c *Courier, code string, stop context.CancelFunc) *round {
	return &round{courier: c, code: code, stop: stop, ended: make(chan struct{}), taken: eventstore.NoStream, status: Status{Hospital: code}}
}

func (r *round) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *round) shown() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

func (r *round) change(do func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.status)
}

// run delivers until ctx ends.
func (r *round) run(ctx context.Context) {
	defer close(r.ended)
	told := ""
	for ctx.Err() == nil {
		more, err := r.deliver(ctx)
		if err != nil && ctx.Err() == nil && err.Error() != told {
			// It is ours and not the hospital's: log or views cannot be read. Both tell of themselves if it lasts.
			told = err.Error()
			r.courier.Logger.Debug("deliveries wait", "hospital", r.code, "error", told)
		}
		if more {
			continue
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
		}
	}
}

// deliver takes the next step: it sends a batch if one is due. More says that there may be another one at once; an error
// is none of the hospital's, and may pass.
func (r *round) deliver(ctx context.Context) (more bool, err error) {
	ledger, err := r.courier.Ledgers.Load(ctx, r.code)
	if err != nil {
		return false, err
	}
	r.change(func(s *Status) { s.follow(ledger.State, r.unopened) })
	hospital, err := r.courier.Hospitals.Load(ctx, r.code)
	if err != nil {
		return false, err
	}
	hook := hospital.State.Webhook
	if hook.URL == "" || r.waits(ledger.State.Batch, hook) {
		return false, nil
	}
	batch, events, err := r.next(ctx, ledger.State)
	if err != nil {
		return false, err
	}
	secret, opened := r.open(hook)
	if !opened || len(events) == 0 {
		return false, nil
	}
	return r.try(ctx, ledger, hook, secret, batch, events)
}

// open opens the secret of the webhook. A server that cannot leaves the batch to others, which have the key, and tells
// that it cannot.
func (r *round) open(hook institution.Webhook) (secret string, opened bool) {
	secret, err := r.courier.Key.Open(r.code, hook.Secret)
	if err == nil {
		r.unopened = time.Time{}
		return secret, true
	}
	if r.unopened.IsZero() {
		r.unopened = r.now()
		r.courier.Logger.Warn("this server cannot deliver to a hospital: copy keys/webhooks.key from the server that can, or set the secret again",
			"hospital", r.code, "error", err.Error())
	}
	return "", false
}

// try sends the batch once, if it is this server's to send, and writes down what became of it.
func (r *round) try(ctx context.Context, ledger ledgerOf, hook institution.Webhook, secret string, batch delivery.Batch, events []Event) (more bool, err error) {
	// What was begun is brought to its end, also when the server stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.courier.Timeout+recordLimit)
	defer cancel()
	if ledger, err = r.claim(ctx, ledger, batch); err != nil || !r.has(ledger, batch) {
		return false, err
	}
	if r.taken != ledger.Revision {
		if err := post(ctx, r.courier.client, hook.URL, secret, r.now(), events); err != nil {
			r.hook = hook
			return false, r.fail(ctx, ledger, batch, err)
		}
		r.taken = ledger.Revision
	}
	err = r.acknowledge(ctx, ledger, batch)
	return err == nil && batch.Count == MaxBatch, err // what comes singly is gathered until the next look
}

// waits says that the batch failed and is not tried again yet. A webhook that was changed since then may do better.
func (r *round) waits(batch delivery.Batch, hook institution.Webhook) bool {
	return batch.Count > 0 && batch == r.failed && r.now().Before(r.due) && hook.URL == r.hook.URL && bytes.Equal(hook.Secret, r.hook.Secret)
}

// next is the batch to be sent: the one that is on its way, whoever began it, or the events after the cursor.
func (r *round) next(ctx context.Context, d delivery.Delivery) (delivery.Batch, []Event, error) {
	batch, limit := delivery.Batch{After: d.Cursor}, MaxBatch
	if d.Batch.Count > 0 {
		batch.After, limit = d.Batch.After, d.Batch.Count
	}
	var after eventstore.Position
	if batch.After != "" {
		var err error
		if after, err = eventstore.ParsePosition(batch.After); err != nil {
			return batch, nil, err
		}
	}
	events, err := r.courier.Events(ctx, r.code, after, limit)
	if err != nil {
		return batch, nil, err
	}
	r.change(func(s *Status) {
		s.Oldest = time.Time{}
		if len(events) > 0 {
			s.Oldest = events[0].At
		}
	})
	if batch.Count = len(events); batch.Count > 0 {
		batch.Through = events[batch.Count-1].Position.String()
	}
	return batch, events, nil
}

// claim writes down that the batch is sent, unless it is this server's already.
func (r *round) claim(ctx context.Context, ledger ledgerOf, batch delivery.Batch) (ledgerOf, error) {
	if r.has(ledger, batch) {
		return ledger, nil
	}
	return r.record(ctx, ledger, "send", delivery.Send{Batch: batch, Sender: r.courier.Sender, At: r.now()})
}

// has says that the batch is on its way, by this server.
func (r *round) has(ledger ledgerOf, batch delivery.Batch) bool {
	return ledger.State.Batch == batch && ledger.State.Sender == r.courier.Sender
}

func (r *round) acknowledge(ctx context.Context, ledger ledgerOf, batch delivery.Batch) error {
	before := r.shown()
	tries := before.Failures + 1
	command := delivery.Acknowledge{Batch: batch, Sender: r.courier.Sender, Tries: tries, At: r.now()}
	if _, err := r.record(ctx, ledger, "acknowledge", command); err != nil {
		return err
	}
	if before.Failures > 0 {
		r.courier.Logger.Info("a hospital takes its events again", "hospital", r.code, "failures", before.Failures, "since", before.Since)
	}
	r.failed, r.wait = delivery.Batch{}, 0
	r.change(func(s *Status) { *s = Status{Hospital: r.code, Delivered: s.Delivered + batch.Count} })
	return nil
}

// fail sets the time of the next try, which comes later and later. What failed together is not tried together: the wait
// is a random one from a half of its bound to all of it.
func (r *round) fail(ctx context.Context, ledger ledgerOf, batch delivery.Batch, why error) error {
	if r.failed == (delivery.Batch{}) {
		r.courier.Logger.Warn("a hospital does not take its events; trying again", "hospital", r.code, "error", why.Error())
	}
	r.failed, r.wait = batch, min(max(2*r.wait, firstWait), r.courier.MaxWait)
	r.due = r.now().Add(r.wait/2 + rand.N(r.wait/2+1))
	failures := 0
	r.change(func(s *Status) {
		s.Failures, s.Why = s.Failures+1, why.Error()
		failures = s.Failures
	})
	_, err := r.record(ctx, ledger, fmt.Sprint("fail/", failures),
		delivery.Fail{Batch: batch, Sender: r.courier.Sender, Failures: failures, Why: why.Error(), At: r.now()})
	return err
}

type ledgerOf = decider.Result[delivery.Delivery]

// namespace makes the ids of the calls below; it never changes.
var namespace = uuid.MustParse("2f1c7d54-63b7-4d0e-8f53-8f6f0f6e1b7a")

// record runs a command on the ledger. Its id is the same for the same step on the same ledger, so that the step is
// taken once.
func (r *round) record(ctx context.Context, ledger ledgerOf, step string, c delivery.Command) (ledgerOf, error) {
	id := uuid.NewSHA1(namespace, fmt.Appendf(nil, "%s/%s/%s/%d/%s", r.courier.Sender.Run, r.code, r.courier.Sender.Server, ledger.Revision, step))
	return r.courier.Ledgers.Execute(ctx, r.code, decider.Call{ID: id, Actor: domain.System, Correlation: r.code, At: r.now()}, c)
}

func (r *round) now() time.Time { return r.courier.Now().UTC().Truncate(time.Microsecond) }
