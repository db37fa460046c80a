package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/eventstore"
	"orderengine/gateways"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

var msgInvalidPosition = drf.NewMessage("This is no position of the log: give one that a reply had, or 0.", "不是日志中的位置：请使用应答中的 position，或 0。")

// Limits of a replay.
const (
	replayPage  = 1000             // a hospital's events that are read at once
	replayFlush = 64 << 10         // bytes that are written at once
	replayStall = 30 * time.Second // a client that takes none of them for so long is left
	replayPoll  = 250 * time.Millisecond
	heartbeat   = 10 * time.Second
)

// hospitalSecret is the secret of "Authorization: Secret …".
func hospitalSecret(header string) (secret string, ok bool) {
	scheme, secret, _ := strings.Cut(strings.TrimSpace(header), " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Secret")
}

// identifyHospital finds the hospital that calls.
func (c *call) identifyHospital(secret string) error {
	found, err := gateways.Secrets{Links: c.api.Secrets, Hospitals: c.api.Hospitals}.Hospital(c.ctx(), secret)
	if errors.Is(err, gateways.ErrSecret) {
		return drf.Unauthorized(drf.MsgTokenUnknown)
	}
	c.hospital, c.actor = found, "hospital:"+found.Code
	return err
}

// replay is what a client asks for.
type replay struct {
	after eventstore.Position
	types map[string]bool // nil is all
	limit int             // 0 is all
	live  bool            // Server-Sent Events that go on
}

// event is one event on its way to a client.
type event struct {
	position eventstore.Position
	line     []byte // its envelope; good until the next event
}

// replayEvents gives events after a position: the hospital's own refund and stop events, the same as XML's
// eventsReplay, or for an auditor all of the log. NDJSON ends at what was the log's end when the request came, or at
// ?limit=; Server-Sent Events go on. Nothing is left out or out of order; a client that comes again with the last
// position it has kept misses nothing. A reply that had to end before is cut off.
func (c *call) replayEvents() (reply, error) {
	head, err := c.api.Log.Head(c.ctx())
	if err != nil {
		return reply{}, err
	}
	r, err := c.parseReplay(head)
	if err != nil {
		return reply{}, err
	}
	source := c.logEvents
	if c.hospital.Registered() {
		source = c.hospitalEvents
	}
	if err := c.tryReplay(source, r, head); err != nil {
		return reply{}, err
	}
	return reply{http.StatusOK, streamed(func(w *echo.Response) error { return c.streamReplay(w, source, r, head) })}, nil
}

func (c *call) parseReplay(head eventstore.Position) (replay, error) {
	f := drf.QueryData(c.query).Fields()
	request := c.echo.Request()
	r := replay{live: strings.Contains(request.Header.Get("Accept"), "text/event-stream")}
	text := f.String("after", drf.Optional, drf.AllowBlank)
	if r.live {
		text = cmp.Or(request.Header.Get("Last-Event-ID"), text)
	}
	after, err := eventstore.ParsePosition(cmp.Or(text, "0"))
	if err != nil || head.Before(after) {
		f.Add("after", msgInvalidPosition)
	}
	r.after, r.types = after, typesOf(f, "types")
	if f.Has("limit") {
		r.limit = int(f.Int("limit", drf.Between(1, math.MaxInt32)))
	}
	c.onlyParameters(f, "after", "types", "limit")
	return r, f.Err()
}

// eventSource gives events after a position in order, up to an end or, if the replay is live, until ctx ends. An event
// without a line says that there is no more at the moment. It ends with the error of give.
type eventSource func(ctx context.Context, r replay, end eventstore.Position, give func(event) error) error

// errEnough ends a replay that has its limit.
var errEnough = errors.New("enough")

// tryReplay looks whether a replay can begin, while it can still be refused.
func (c *call) tryReplay(source eventSource, r replay, head eventstore.Position) error {
	if !r.after.Before(head) {
		return nil
	}
	r.types, r.live = nil, false
	err := source(c.ctx(), r, head, func(event) error { return errEnough })
	if errors.Is(err, eventstore.ErrInvalid) {
		return drf.FieldInvalid("after", msgInvalidPosition)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// logEvents gives the events of the log.
func (c *call) logEvents(ctx context.Context, r replay, end eventstore.Position, give func(event) error) error {
	if !r.live && !r.after.Before(end) {
		return nil
	}
	var line []byte
	for batch, err := range c.api.Log.Follow(ctx, r.after) {
		if err != nil {
			return err
		}
		for i := range batch {
			e := &batch[i]
			if !r.live && end.Before(e.Position) {
				return nil
			}
			if e.IsSystem() || r.types != nil && !r.types[e.Type] {
				continue
			}
			if line, err = appendEnvelope(line[:0], e); err != nil {
				return err
			}
			if err := give(event{e.Position, line}); err != nil {
				return err
			}
		}
		if err := give(event{}); err != nil || !r.live && !batch[len(batch)-1].Position.Before(end) {
			return err
		}
	}
	return ctx.Err()
}

// hospitalEvents gives a hospital's events from the views. They are committed in the log's order, so what they do not
// show yet comes behind all that they show. Views that are made again hold a live reply up and do not end it.
func (c *call) hospitalEvents(ctx context.Context, r replay, _ eventstore.Position, give func(event) error) error {
	orders := projections.HospitalOrders{Views: c.api.Views}
	var line []byte
	for {
		events, err := orders.Events(ctx, c.hospital.Code, r.after, replayPage)
		if err != nil && (!r.live || !projections.MayPass(err)) {
			return err
		}
		for _, fields := range events {
			if r.after, err = eventstore.ParsePosition(fields[0]); err != nil {
				return err
			}
			if r.types != nil && !r.types[fields[1]] {
				continue
			}
			line = appendHospitalEvent(line[:0], c.hospital.Code, fields)
			if err := give(event{r.after, line}); err != nil {
				return err
			}
		}
		if err := give(event{}); err != nil {
			return err
		}
		if len(events) == replayPage {
			continue
		}
		if !r.live {
			return nil
		}
		select {
		case <-time.After(replayPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// streamReplay writes the reply. It is cut off if it ends before it should.
func (c *call) streamReplay(w *echo.Response, source eventSource, r replay, head eventstore.Position) error {
	out := &replayWriter{w: w, control: http.NewResponseController(w.Writer), live: r.live, left: r.limit}
	if err := out.begin(); err != nil {
		return nil // the client has gone
	}
	if c.echo.Request().Method == http.MethodHead {
		return nil
	}
	var err error
	if r.live {
		err = c.streamLive(out, source, r, head)
	} else {
		err = c.streamToEnd(out, source, r, head)
	}
	switch {
	case err == nil || errors.Is(err, errEnough):
		err = out.flush()
	case r.live && (errors.Is(err, context.Canceled) || errors.Is(err, eventstore.ErrClosed)):
		return nil // the client or the server ends it; a client comes again
	}
	if err != nil {
		c.api.Logger.Debug("a replay was cut off", "request", c.request, "error", err.Error())
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (c *call) streamToEnd(out *replayWriter, source eventSource, r replay, head eventstore.Position) error {
	ctx, cancel := c.whileServing()
	defer cancel()
	return source(ctx, r, head, func(e event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return out.give(e)
	})
}

// streamLive writes from one goroutine and reads in another, so that heartbeats go out while there is nothing to read.
func (c *call) streamLive(out *replayWriter, source eventSource, r replay, head eventstore.Position) error {
	ctx, cancel := context.WithCancel(c.ctx())
	batches, failed := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(batches)
		reader := &replayWriter{live: true, left: r.limit}
		failed <- source(ctx, r, head, func(e event) error {
			err := reader.put(e)
			if len(reader.buffer) > 0 && (err != nil || e.line == nil || len(reader.buffer) >= replayFlush) {
				select {
				case batches <- bytes.Clone(reader.buffer):
					reader.buffer = reader.buffer[:0]
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return err
		})
	}()
	defer func() {
		cancel()
		for range batches { // until the reader has ended
		}
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case batch, more := <-batches:
			if !more {
				return <-failed
			}
			out.buffer = append(out.buffer, batch...)
			err = out.flush()
		case <-beat.C:
			out.buffer = append(out.buffer, ":\n\n"...)
			err = out.flush()
		case <-c.api.stopping:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// replayWriter gathers lines and writes many at once.
type replayWriter struct {
	w       *echo.Response
	control *http.ResponseController
	live    bool
	left    int // 0 is no limit
	buffer  []byte
}

func (o *replayWriter) begin() error {
	header := o.w.Header()
	header.Set("Content-Type", "application/x-ndjson")
	if o.live {
		header.Set("Content-Type", "text/event-stream")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Accel-Buffering", "no") // a proxy must not gather them
	}
	o.w.WriteHeader(http.StatusOK)
	if !o.live {
		return nil
	}
	o.buffer = append(o.buffer, ":\n\n"...) // the client sees at once that it is served
	return o.flush()
}

// give takes an event, none for the end of a batch, and writes when there is enough.
func (o *replayWriter) give(e event) error {
	err := o.put(e)
	if len(o.buffer) >= replayFlush {
		if failed := o.flush(); failed != nil {
			return failed
		}
	}
	return err
}

// put takes an event; [errEnough] tells that it was the last.
func (o *replayWriter) put(e event) error {
	if e.line == nil {
		return nil
	}
	if o.live {
		o.buffer = append(append(append(o.buffer, "id: "...), e.position.String()...), "\ndata: "...)
	}
	o.buffer = append(append(o.buffer, e.line...), '\n')
	if o.live {
		o.buffer = append(o.buffer, '\n')
	}
	if o.left--; o.left == 0 {
		return errEnough
	}
	return nil
}

// flush writes what was gathered; each time the client has [replayStall] to take it.
func (o *replayWriter) flush() error {
	// Servers under a test have no deadlines to move.
	_ = o.control.SetWriteDeadline(time.Now().Add(replayStall))
	_, err := o.w.Write(o.buffer)
	o.buffer = o.buffer[:0]
	if err == nil && o.live {
		err = o.control.Flush()
	}
	return err
}
