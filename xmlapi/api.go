// Package xmlapi is the hospital open interface (医程通开放接口): hospital systems query, refund and stop orders, and
// tell patients. A request goes from the [API.ServeHTTP] through package envelope, which knows how it is wrapped, to
// one method in the file of its subject; methods.go is the whole table.
package xmlapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderengine/domain/card"
	"orderengine/domain/hospital"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/domain/message"
	"orderengine/domain/stoplist"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/sequence"
	"orderengine/gateways"
	"orderengine/gateways/vault"
	"orderengine/projections"
	"orderengine/xmlapi/envelope"
)

// Path is where the interface is.
const Path = "/open"

// The deciders of the lifecycles that the interface commands.
type (
	Orders    = decider.Decider[hospital.Order, hospital.Command, hospital.Event]
	Hospitals = decider.Decider[institution.Hospital, institution.Command, institution.Event]
	Cards     = decider.Decider[card.Card, card.Command, card.Event]
	Messages  = decider.Decider[message.Message, message.Command, message.Happening]
	StopLists = decider.Decider[stoplist.List, stoplist.Command, stoplist.Event]
	Links     = decider.Decider[link.Link, link.Command, link.Event]
)

// API is what the methods need.
type API struct {
	Orders     *Orders
	Hospitals  *Hospitals
	Secrets    *Links // from a secret's hash to its hospital's code
	HisRefunds *Links // from a hospital's number of a refund to its order
	Cards      *Cards
	Messages   *Messages
	StopLists  *StopLists
	Payments   gateways.Payments
	Refusals   gateways.Refusals
	Vault      vault.Vault
	Serials    *sequence.Sequence // tell the numbers of one day apart

	// Head is the position of the log's last event.
	Head func(ctx context.Context) (eventstore.Position, error)
	// Views is gated: it answers an error rather than less than it should.
	Views projections.Reader
	// Await returns when the views are true at a position, or that there is no use in waiting.
	Await func(ctx context.Context, at eventstore.Position) error

	Now    func() time.Time
	Logger *slog.Logger
	// Calls counts the calls, by method and result code.
	Calls *prometheus.CounterVec
}

// NewCalls makes the interface's metric.
func NewCalls(metrics *prometheus.Registry) *prometheus.CounterVec {
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderd_open_calls_total", Help: "Calls of the hospital open interface, by method and resultCode.",
	}, []string{"method", "code"})
	metrics.MustRegister(calls)
	return calls
}

// commandLimit bounds a call, which goes on when its client has gone: half a change helps nobody.
const commandLimit = 10 * time.Second

// ServeHTTP answers POST, and GET with ?wsdl.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		a.serve(w, r)
	case http.MethodGet, http.MethodHead:
		if _, asked := query(r)["wsdl"]; asked {
			w.Header().Set("Content-Type", "text/xml; charset=utf-8")
			_, _ = w.Write(envelope.WSDL(location(r))) // a client that has gone needs no description
			return
		}
		http.Error(w, "POST a request here, or GET "+Path+"?wsdl for its description", http.StatusNotFound)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

// serve reads one request and answers it.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, envelope.MaxBody+1))
	if err != nil {
		http.Error(w, "the request could not be read", http.StatusBadRequest)
		return
	}
	request, err := envelope.Read(r.Header.Get("Content-Type"), body)
	var refused *envelope.Refusal
	if errors.As(err, &refused) {
		a.Calls.WithLabelValues("none", codeLabel(envelope.NotAllowed)).Inc()
		a.gone(request.Refuse(w, refused))
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), commandLimit)
	defer cancel()
	c := &call{api: a, ctx: ctx, client: r.Context(), w: w, request: request, params: params{from: request.Params}, at: a.now()}
	c.answer()
}

// now is the time in the precision that is stored.
func (a *API) now() time.Time { return a.Now().UTC().Truncate(time.Microsecond) }

// gone takes note of a reply that did not reach its client.
func (a *API) gone(err error) {
	if err != nil {
		a.Logger.Debug("a reply was not written", "error", err.Error())
	}
}

// caller is what a command brings beside itself.
func (c *call) caller(id uuid.UUID) decider.Call {
	return decider.Call{ID: id, Actor: "hospital:" + c.hospital.Code, Correlation: c.id(), At: c.at}
}

// id names the call in the logs and the events, as whoever serves it has named the reply.
func (c *call) id() string { return c.w.Header().Get("X-Request-Id") }

// location is where the client found us.
func location(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + Path
}

// query is the query with its names in lower case: ?WSDL is as common as ?wsdl.
func query(r *http.Request) map[string]bool {
	names := map[string]bool{}
	for name := range r.URL.Query() {
		names[strings.ToLower(name)] = true
	}
	return names
}
