// Package httpapi is the Q&A order REST API (问答订单), the calls of administrators, and what a person on
// call looks at. routes.go is the whole table; a request goes from there through call.go, which keeps the
// order of checks of Django REST Framework (package drf), to one handler in the file of its subject.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"orderengine/domain/catalog"
	"orderengine/domain/idempotency"
	"orderengine/domain/qa"
	"orderengine/domain/wallet"
	"orderengine/eventstore"
	"orderengine/eventstore/backup"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/sequence"
	"orderengine/gateways"
	"orderengine/gateways/sandbox"
	"orderengine/gateways/vault"
	"orderengine/gateways/webhooks"
	"orderengine/httpapi/auth"
	"orderengine/projections"
)

// The deciders of the lifecycles that the API commands.
type (
	Orders  = decider.Decider[qa.Order, qa.Command, qa.Event]
	Wallets = decider.Decider[wallet.Wallet, wallet.Command, wallet.Event]
	Entries = decider.Decider[catalog.Entry, catalog.Command, catalog.Event]
	Claims  = decider.Decider[idempotency.Claim, idempotency.Command, idempotency.Event]
)

// Sequences hand out the pks, one row for each kind of thing.
type Sequences struct {
	Users, Orders, Questions, Answers, Evaluations, Tags, Drugs *sequence.Sequence
	Hospital                                                    *sequence.Sequence // the serials of hospital orders and their refunds
}

// API is what the handlers need.
type API struct {
	Orders    *Orders
	Wallets   *Wallets
	Tags      *Entries
	Drugs     *Entries
	Questions *auth.Links // from a question's pk to its order
	Claims    *Claims
	Accounts  auth.Accounts
	Payments  gateways.Payments
	Looks     *Looks
	Refusals  gateways.Refusals
	Vault     vault.Vault

	HospitalOrders *HospitalOrders
	HisOrders      *auth.Links // from a hospital's number of an order to ours
	Hospitals      *Institutions
	Secrets        *auth.Links // from a secret's hash to its hospital's code
	Cards          *Cards
	Messages       *Messages
	Deliveries     *Deliveries
	WebhookKey     webhooks.Key                          // seals what signs deliveries
	DeliveryStatus func(hospital string) webhooks.Status // as this server sees it
	// Open is the hospital open interface, which this server serves beside its own calls.
	Open      http.Handler
	Sequences Sequences

	// Log is what auditors replay.
	Log eventstore.Log
	// Views is gated: it answers an error rather than less than it should.
	Views projections.Reader
	// People are users as reads show them, true to all that any server has answered.
	People Directory
	// Await returns when the views are true at a position, or that there is no use in waiting.
	Await func(ctx context.Context, at eventstore.Position) error
	// Rebuilds builds the views anew.
	Rebuilds Rebuilds

	// Proofs is the tree over the log, and Streams are what a bundle tells of.
	Proofs  Proofs
	Streams eventstore.StreamReader

	// Backups takes backups of the server's data, nil if the log is a cluster's.
	Backups *backup.Backups

	AdminToken string // "" closes the calls of administrators
	AuditToken string // "" closes the calls of auditors
	Location   *time.Location
	Now        func() time.Time
	Logger     *slog.Logger
	Metrics    *prometheus.Registry
	// Notices says how the payment platform's webhook is believed.
	Notices Notices
	// Sandbox stands in for a payment platform, nil beside a real one.
	Sandbox *sandbox.Platform
	// Ready names what is looked at for readiness, and says what is wrong with it.
	Ready []Check

	// stopping is closed when the server begins to stop: replies that go on for ever end then.
	stopping chan struct{}
}

// Check is one thing that readiness depends on.
type Check struct {
	Name string
	// Look gives a word about the thing, and an error if something is wrong with it.
	Look func(ctx context.Context) (word string, err error)
	// Serves says that orders are served all the same, so that an error is told and the server goes on getting requests.
	Serves bool
}

// Limits of what one client may send and how slowly.
const (
	maxBody       = 1 << 20
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
)

// Server is the HTTP server, with the limits that keep slow and greedy clients from holding it.
func (a *API) Server() *http.Server {
	a.stopping = make(chan struct{})
	s := &http.Server{
		Handler:           a.Handler(),
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(a.Logger.Handler(), slog.LevelDebug),
	}
	s.RegisterOnShutdown(sync.OnceFunc(func() { close(a.stopping) }))
	return s
}

// Handler serves the table of routes. Each path has all methods, for who calls is asked before whether there is such a
// method: what echo calls RouteNotFound serves made-up ones too, its Any those alone that it knows.
func (a *API) Handler() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	// Proxies have loopback or private addresses; what anybody else says of an address is not believed, nor is what is none.
	e.IPExtractor = echo.ExtractIPFromXFFHeader()
	e.Pre(decodedPaths)
	measure := a.instrument()
	routes := a.routes()
	if a.Sandbox != nil {
		routes = append(routes, sandboxRoutes()...)
	}
	for _, r := range routes {
		serve := measure(r.name, a.serve(r))
		e.RouteNotFound(r.path, serve)
		if bare, slashed := bareOf(r.path); slashed {
			e.RouteNotFound(bare, measure(r.name, redirect(serve)))
		}
	}
	e.RouteNotFound(OpenPath, measure("Hospital Open Interface", echo.WrapHandler(a.Open)))
	e.RouteNotFound("/*", measure("none", a.serve(route{name: "none", who: anyone})))
	return e
}

// decodedPaths routes by the decoded path, as Django does: a%40b in a path names the user a@b.
func decodedPaths(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Request().URL.RawPath = ""
		return next(c)
	}
}
