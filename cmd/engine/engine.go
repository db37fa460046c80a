// Package engine wires the server: it opens the log, the views and the listener, runs the follower, the
// reactor and the API, and closes all of it in reverse order.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"orderengine/domain"
	"orderengine/domain/access"
	"orderengine/domain/account"
	"orderengine/domain/card"
	"orderengine/domain/catalog"
	"orderengine/domain/hospital"
	"orderengine/domain/idempotency"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/domain/message"
	"orderengine/domain/qa"
	"orderengine/domain/stoplist"
	"orderengine/domain/wallet"
	"orderengine/eventstore/backup"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/proof"
	"orderengine/eventstore/sequence"
	"orderengine/eventstore/wire"
	"orderengine/gateways"
	"orderengine/gateways/messages"
	"orderengine/gateways/webhooks"
	"orderengine/httpapi"
	"orderengine/httpapi/auth"
	"orderengine/projections"
	"orderengine/xmlapi"
)

// drain is how long requests in flight may take when the server stops.
const drain = 20 * time.Second

// Engine is a server that is open. It listens when Open returns, and serves while Run runs.
type Engine struct {
	settings  settings
	logger    *slog.Logger
	now       func() time.Time
	store     logStore
	logServer *wire.Server // of the log over EventStoreDB's protocol; nil if it is not served
	logListen net.Listener
	logFailed atomic.Pointer[error] // why it is served no longer
	views     *projections.Live
	tree      *proof.Tree
	backups   *backup.Backups // nil if the log cannot be copied here
	reactor   *projections.Reactor
	duties    []duty
	campaign  func(lease string) *projections.Leadership // nil where nobody shares the views
	sequences []*sequence.Sequence
	api       *httpapi.API
	hospitals *xmlapi.API
	messenger messages.Messenger
	courier   *webhooks.Courier
	server    *http.Server
	listener  net.Listener
	closers   []io.Closer // in the order they were opened
}

// logStore is what every event store can do.
type logStore interface {
	wire.Store
	io.Closer
}

// Open opens everything that the settings name. Its errors name the setting or the folder that is wrong.
func Open(config Config, logger *slog.Logger) (*Engine, error) {
	s, err := config.parse()
	if err != nil {
		return nil, err
	}
	e := &Engine{settings: s, logger: logger, now: time.Now}
	if err := e.open(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Logger is the server's: JSON lines, at the level of the settings.
func (c Config) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // Open tells of a wrong one
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

func (e *Engine) open() error {
	if err := os.MkdirAll(filepath.Join(e.settings.Data, "keys"), 0o700); err != nil {
		return fmt.Errorf("%s: %w", Variable("data"), err)
	}
	if err := e.openStore(); err != nil {
		return err
	}
	if err := e.openLeases(); err != nil {
		return err
	}
	if err := e.openViews(); err != nil {
		return err
	}
	if err := e.openTree(); err != nil {
		return err
	}
	if err := e.openBackups(); err != nil {
		return err
	}
	e.api = e.newAPI()
	if err := e.openVault(); err != nil {
		return err
	}
	if err := e.openPayment(); err != nil {
		return err
	}
	e.openHospitals()
	if err := e.openWebhooks(); err != nil {
		return err
	}
	e.reactor = projections.NewReactor(e.views, e.perform, e.logger, e.now)
	if err := e.listenLog(); err != nil {
		return err
	}
	return e.listen()
}

// perform carries out what is due of a stream.
func (e *Engine) perform(ctx context.Context, stream string) error {
	category, id, _ := strings.Cut(stream, "-")
	switch category {
	case qa.Category:
		_, err := e.api.Payments.Perform(ctx, id)
		return err
	case hospital.Category:
		_, err := e.api.Payments.Perform(ctx, id)
		return errors.Join(err, e.messenger.Tell(ctx, id))
	case account.Category:
		return e.api.Vault.Perform(ctx, id)
	case message.Category:
		return e.messenger.Send(ctx, id)
	case stoplist.Category:
		return e.hospitals.PerformStop(ctx, id)
	default:
		return fmt.Errorf("nobody knows what to do about %s", stream)
	}
}

// model names the functions of a lifecycle for a decider.
func model[S, C, E any](category string, codec *domain.Codec[E], decide func(S, C) ([]E, error), evolve func(S, E) S) decider.Model[S, C, E] {
	return decider.Model[S, C, E]{Category: category, Decide: decide, Evolve: evolve, Encode: codec.Encode, Decode: codec.Decode}
}

// Cached states: orders are large and many, users and links are asked for with every request.
const (
	cachedOrders = 16384
	cachedUsers  = 65536
)

func (e *Engine) newAPI() *httpapi.API {
	few, orders, users := e.deciderOptions(0), e.deciderOptions(cachedOrders), e.deciderOptions(cachedUsers)
	a := &httpapi.API{
		Orders:    decider.New(e.store, model(qa.Category, qa.Codec, qa.Decide, qa.Evolve), orders),
		Wallets:   decider.New(e.store, model(wallet.Category, wallet.Codec, wallet.Decide, wallet.Evolve), users),
		Tags:      decider.New(e.store, model(catalog.TagCategory, catalog.Codec, catalog.Decide, catalog.Evolve), few),
		Drugs:     decider.New(e.store, model(catalog.DrugCategory, catalog.Codec, catalog.Decide, catalog.Evolve), few),
		Questions: decider.New(e.store, model(link.QuestionCategory, link.Codec, link.Decide, link.Evolve), orders),
		Claims:    decider.New(e.store, model(idempotency.Category, idempotency.Codec, idempotency.Decide, idempotency.Evolve), few),
		Accounts: auth.Accounts{
			Users:  decider.New(e.store, model(account.Category, account.Codec, account.Decide, account.Evolve), users),
			Tokens: decider.New(e.store, model(link.TokenCategory, link.Codec, link.Decide, link.Evolve), users),
		},
		Sequences: httpapi.Sequences{
			Users: e.sequence("user"), Orders: e.sequence("qaorder"), Questions: e.sequence("qaquestion"),
			Answers: e.sequence("qaanswer"), Evaluations: e.sequence("qaevaluation"),
			Tags: e.sequence("tag"), Drugs: e.sequence("drug"), Hospital: e.sequence("hospitalorder"),
		},
		HospitalOrders: decider.New(e.store, model(hospital.Category, hospital.Codec, hospital.Decide, hospital.Evolve), orders),
		HisOrders:      decider.New(e.store, model(link.HisOrderCategory, link.Codec, link.Decide, link.Evolve), few),
		Hospitals:      decider.New(e.store, model(institution.Category, institution.Codec, institution.Decide, institution.Evolve), few),
		Secrets:        decider.New(e.store, model(link.SecretCategory, link.Codec, link.Decide, link.Evolve), few),
		Cards:          decider.New(e.store, model(card.Category, card.Codec, card.Decide, card.Evolve), few),
		Refusals:       gateways.NewRefusals(e.store, few, e.logger),

		Looks:    decider.New(e.store, model(access.Category, access.Codec, access.Decide, access.Evolve), few),
		Messages: decider.New(e.store, model(message.Category, message.Codec, message.Decide, message.Evolve), few),
		Log:      e.store,
		Views:    e.views, Await: e.views.Await, Rebuilds: e.views,
		AdminToken: e.settings.AdminToken, AuditToken: e.settings.AuditToken, Location: e.settings.location, Now: e.now, Logger: e.logger,
		Metrics: prometheus.NewRegistry(), Ready: e.checks(),
		Proofs: e.tree, Streams: e.store, Backups: e.backups,
	}
	a.People = a.Accounts.People
	if few.Shared { // what is at hand may be half a second old, and what the views hold is not
		a.People = projections.Users{Views: a.Views}.People
	}
	a.Payments = gateways.Payments{Books: gateways.Books{gateways.QA(a.Orders, a.Refusals), gateways.Hospital(a.HospitalOrders, a.Refusals)}, Wallets: a.Wallets, Periods: e.settings.periods(), Now: e.now}
	a.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e.observe(a.Metrics)
	e.observeViews(a.Metrics)
	e.observeTree(a.Metrics)
	e.observeDuties(a.Metrics)
	return a
}

func (e *Engine) sequence(name string) *sequence.Sequence {
	s := sequence.New(e.store, name, e.now)
	e.sequences = append(e.sequences, s)
	return s
}

// checks are what readiness looks at.
func (e *Engine) checks() []httpapi.Check {
	return append([]httpapi.Check{
		{Name: "log", Look: func(ctx context.Context) (string, error) {
			head, err := e.store.Head(ctx)
			return "at " + head.String(), err
		}},
		e.viewsCheck(),
		e.treeCheck(),
	}, e.dutyChecks()...)
}

// gauges registers values that are looked at when the metrics are asked for.
func gauges(metrics *prometheus.Registry) func(name, help string, value func() float64) {
	return func(name, help string, value func() float64) {
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
}

// observe shows the log's position as a metric, 0 while the log does not tell it.
func (e *Engine) observe(metrics *prometheus.Registry) {
	gauge := gauges(metrics)
	gauge("orderd_log_position", "Commit position of the last event.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), httpapi.LookLimit)
		defer cancel()
		head, _ := e.store.Head(ctx)
		return float64(head.Commit)
	})
}

func (e *Engine) listen() error {
	listener, err := net.Listen("tcp", e.settings.Addr)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("addr"), err)
	}
	e.listener, e.server = listener, e.api.Server()
	e.closers = append(e.closers, listener)
	return nil
}

// Addr is where the server listens, host:port.
func (e *Engine) Addr() string { return e.listener.Addr().String() }

// Run serves until ctx ends, then stops taking requests, finishes those in flight, and returns when all that
// it started has ended. With --demo it first makes the documents' people and orders, and tells welcome of them.
func (e *Engine) Run(ctx context.Context, welcome io.Writer) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var work errgroup.Group
	work.Go(func() error { return ended(e.views.Run(background)) })
	work.Go(func() error { return e.react(background, e.reactor.Run) })
	work.Go(func() error { return e.react(background, e.courier.Run) })
	work.Go(func() error { return ended(e.tree.Run(background)) })
	work.Go(e.serveLog)
	leading := ctx // who stops leaves the lead to another at once,
	if !e.settings.clustered() {
		leading = background // unless there is no other to finish what is in flight
	}
	resign := e.lead(leading, &work)
	err := e.serve(ctx, welcome)
	err = errors.Join(err, e.giveBack(), e.closeLogServer())
	resign()
	stop()
	return errors.Join(err, work.Wait())
}

// serve serves requests until ctx ends.
func (e *Engine) serve(ctx context.Context, welcome io.Writer) error {
	if e.settings.Demo && e.settings.clustered() {
		defer e.whenReachable(ctx, "the demo", func(ctx context.Context) error { return e.demo(ctx, welcome) })()
	} else if e.settings.Demo {
		if err := e.demo(ctx, welcome); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	e.logger.Info("serving", "addr", e.Addr(), "data", e.settings.Data, "eventstore", redacted(e.settings.EventStore), "views", redacted(e.settings.Views))
	served := make(chan error, 1)
	go func() { served <- e.server.Serve(e.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	e.logger.Info("stopping")
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := e.server.Shutdown(limit)
	<-served
	return err
}

// giveBack returns the numbers that were taken and not handed out. A cluster that is away does not keep the server
// from stopping: they leave a gap.
func (e *Engine) giveBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var errs []error
	for _, s := range e.sequences {
		err := s.Close(ctx)
		if e.settings.clustered() && decider.MayPass(err) {
			e.logger.Warn("numbers are not given back", "error", err.Error())
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Close closes everything in reverse order. Call it after Run has returned.
func (e *Engine) Close() error {
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		if err := e.closers[i].Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	e.closers = nil
	return errors.Join(errs...)
}

// ended is the error of a background loop, nil for the end it was told to come to.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// redacted is a setting without a password that may stand in it. An address of several hosts cannot always be parsed.
func redacted(setting string) string {
	if u, err := url.Parse(setting); err == nil {
		return u.Redacted()
	}
	scheme, rest, _ := strings.Cut(setting, "://")
	return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
}
