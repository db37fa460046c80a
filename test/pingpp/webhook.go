package pingpp

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
	gateway "orderengine/gateways/pingpp"
)

const (
	senders     = 16 // notices under way at once
	sends       = 8  // of a notice until it is acknowledged (the notes' "Event")
	repeats     = 10
	sendTimeout = 10 * time.Second
)

// notice is an event on its way to the merchant; mu guards delivered.
type notice struct {
	id, order string
	body      []byte
	delivered bool
}

// notify sends a notice of what an object is now; the caller holds mu.
func (p *Platform) notify(kind, order string, object any) {
	data, err := domain.JSON(object)
	if err != nil {
		panic(err) // a defect of the stand-in
	}
	event := payment.Notice{ID: p.id("evt_"), Object: "event", Created: p.options.Now().Unix(), Livemode: true, Type: kind,
		PendingWebhooks: 1, Request: json.RawMessage(`"iar_` + letters(p.options.Seed, p.made, 20) + `"`)}
	event.Data.Object = data
	n := &notice{id: event.ID, order: order}
	if n.body, err = domain.JSON(event); err != nil {
		panic(err) // a defect of the stand-in
	}
	p.notices = append(p.notices, n)
	p.counts.Notices++
	p.spawn(func() { p.deliver(n) })
}

// deliver sends a notice as the faults have it.
func (p *Platform) deliver(n *notice) {
	p.mu.Lock()
	wait := p.share("shuffle/"+n.order, p.faults.Shuffle)
	forge := p.chance("forge/"+n.order) < p.faults.Forge || n == p.notices[0] && p.faults.Forge > 0
	times := 1
	if p.chance("repeat/"+n.order) < p.faults.Repeat {
		times = repeats
	}
	p.mu.Unlock()
	if !p.sleep(wait) {
		return
	}
	if forge && p.hasWebhook() {
		p.forge(n)
	}
	for range times {
		p.insist(n)
	}
}

// insist sends a notice until it is acknowledged, or eight times.
func (p *Platform) insist(n *notice) {
	signature, err := gateway.Sign(platformKey(), n.body)
	if err != nil {
		panic(err) // a defect of the stand-in
	}
	for i := range sends {
		if !p.hasWebhook() {
			return
		}
		if i > 0 && !p.sleep(p.options.RetryEvery<<(i-1)) {
			return
		}
		if p.acknowledged(n.body, signature) {
			p.mu.Lock()
			n.delivered = true
			p.mu.Unlock()
			return
		}
	}
}

// forge sends what the platform never would: the notice signed by a stranger, and with another amount under
// the true signature.
func (p *Platform) forge(n *notice) {
	body := bytes.Replace(n.body, []byte(n.id), []byte(n.id+"F"), 1)
	strangers, err := gateway.Sign(strangersKey(), body)
	if err != nil {
		panic(err) // a defect of the stand-in
	}
	truly, err := gateway.Sign(platformKey(), n.body)
	if err != nil {
		panic(err) // a defect of the stand-in
	}
	richer := bytes.Replace(n.body, []byte(`"amount":`), []byte(`"amount":9`), 1)
	for _, forged := range []struct {
		body      []byte
		signature string
	}{{body, strangers}, {richer, truly}, {body, ""}} {
		accepted := p.acknowledged(forged.body, forged.signature)
		p.count(func(c *Counts) {
			c.Forged++
			if accepted {
				c.ForgedAccepted++
			}
		})
	}
}

// acknowledged sends once and says whether the merchant answered 2xx.
func (p *Platform) acknowledged(body []byte, signature string) bool {
	select {
	case p.sending <- struct{}{}:
		defer func() { <-p.sending }()
	case <-p.ctx.Done():
		return false
	}
	p.mu.Lock()
	url := p.webhook
	p.counts.Sends++
	p.mu.Unlock()
	status, err := p.send(url, body, signature)
	return err == nil && status/100 == 2
}

func (p *Platform) hasWebhook() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.webhook != ""
}

func (p *Platform) send(url string, body []byte, signature string) (status int, err error) {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json;charset=UTF-8")
	request.Header.Set(gateway.WebhookSignature, signature)
	reply, err := p.sender.Do(request)
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, maxRequest)) // so that the connection is used again
	return reply.StatusCode, nil
}

// Redeliver sends every notice that was never acknowledged again, as a person can in the platform's dashboard,
// and returns how many there are.
func (p *Platform) Redeliver() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := 0
	for _, n := range p.notices {
		if !n.delivered {
			again++
			p.spawn(func() { p.insist(n) })
		}
	}
	return again
}
