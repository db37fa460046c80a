package pingpp

import (
	"io"
	"net/http"
	"time"
)

// fault is what goes wrong with one request.
type fault int

const (
	none fault = iota
	dropRequest
	dropReply
	badGateway
	lostGateway
	busy
	twice
	late
)

// draw decides a request's fault; requests to the same place with the same body are told apart by their turn.
func (p *Platform) draw(r *http.Request, body []byte) (fault, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Requests++
	f := p.faults
	at := p.chance(r.Method + r.URL.Path + string(body))
	for i, share := range []float64{f.DropRequest, f.DropReply, f.BadGateway, f.LostGateway, f.Busy, f.Twice, f.Late} {
		if at < share {
			p.counts.Faults++
			return fault(i + 1), f.LateBy
		}
		at -= share
	}
	return none, 0
}

// perform does a request's work, or does not, or does it twice, and answers, or does not.
func (p *Platform) perform(w http.ResponseWriter, r *http.Request, body []byte, do work) {
	what, lateBy := p.draw(r, body)
	switch what {
	case dropRequest:
		panic(http.ErrAbortHandler)
	case badGateway:
		gatewayError(w)
		return
	case busy:
		write(w, failure(http.StatusForbidden, "rate_limit_error", "", "", "Too many requests").encode())
		return
	}
	made := p.locked(r, body, do)
	switch what {
	case dropReply:
		panic(http.ErrAbortHandler)
	case lostGateway:
		gatewayError(w)
		return
	case twice:
		made = p.locked(r, body, do)
	case late:
		p.sleepFor(r, lateBy)
	}
	write(w, made)
}

// sleepFor ends early when the client has gone or the test ends.
func (p *Platform) sleepFor(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-p.ctx.Done():
	}
}

func gatewayError(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, "<html><h1>502 Bad Gateway</h1></html>") // the client may have gone
}
