package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a TCP proxy whose network can be made bad.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]bool
	delay   time.Duration // of each piece of data
	refuses bool          // new connections are closed at once
	thawed  chan struct{} // closed unless data is held back
}

// link is one connection through the proxy.
type link struct{ client, server *net.TCPConn }

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, links: map[*link]bool{}, thawed: make(chan struct{})}
	close(p.thawed)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		p.heal()
		_ = listener.Close()
		p.each((*link).close)
		p.running.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.running.Go(func() { p.connect(client.(*net.TCPConn)) })
		}
	}
}

func (p *proxy) connect(client *net.TCPConn) {
	p.mu.Lock()
	refuses := p.refuses
	p.mu.Unlock()
	server, err := net.Dial("tcp", p.target)
	if refuses || err != nil {
		_ = client.Close()
		if err == nil {
			_ = server.Close()
		}
		return
	}
	l := &link{client, server.(*net.TCPConn)}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	var ways sync.WaitGroup
	ways.Go(func() { p.pump(l.client, l.server) })
	ways.Go(func() { p.pump(l.server, l.client) })
	ways.Wait()
	l.close()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pump hands data on in one direction, as badly as the network is.
func (p *proxy) pump(from, to *net.TCPConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		delay, thawed := p.delay, p.thawed
		p.mu.Unlock()
		<-thawed
		if delay > 0 {
			<-time.After(time.Duration(rand.Int64N(int64(delay))))
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				_ = from.CloseRead()
				return
			}
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

func (l *link) close() { _, _ = l.client.Close(), l.server.Close() }

// reset ends a connection with RST instead of FIN.
func (l *link) reset() {
	_, _ = l.client.SetLinger(0), l.server.SetLinger(0)
	l.close()
}

func (p *proxy) each(do func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		do(l)
	}
}

func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// heal makes the network good again; connections that were broken stay so.
func (p *proxy) heal() {
	p.set(func() {
		p.delay, p.refuses = 0, false
		select {
		case <-p.thawed:
		default:
			close(p.thawed)
		}
	})
}

// faults are what can happen to a network for a while. Some happen to one connection in three.
var faults = map[string]func(p *proxy, dice *rand.Rand){
	"delay": func(p *proxy, dice *rand.Rand) {
		p.set(func() { p.delay = time.Duration(1+dice.IntN(200)) * time.Millisecond })
	},
	"freeze":     func(p *proxy, _ *rand.Rand) { p.set(func() { p.thawed = make(chan struct{}) }) },
	"refuse":     func(p *proxy, _ *rand.Rand) { p.set(func() { p.refuses = true }); p.each((*link).close) },
	"cut":        func(p *proxy, dice *rand.Rand) { p.each(some(dice, (*link).close)) },
	"reset":      func(p *proxy, dice *rand.Rand) { p.each(some(dice, (*link).reset)) },
	"reset all":  func(p *proxy, _ *rand.Rand) { p.each((*link).reset) },
	"half-close": func(p *proxy, dice *rand.Rand) { p.each(some(dice, func(l *link) { _ = l.server.CloseWrite() })) },
	"half-close, the other way": func(p *proxy, dice *rand.Rand) {
		p.each(some(dice, func(l *link) { _ = l.client.CloseWrite() }))
	},
}

func some(dice *rand.Rand, do func(*link)) func(*link) {
	return func(l *link) {
		if dice.IntN(3) == 0 {
			do(l)
		}
	}
}

// disturb breaks the networks by a schedule that the dice give, until ctx ends, and heals them. It tells what it did.
func disturb(ctx context.Context, dice *rand.Rand, names []string, proxies ...*proxy) (did []string) {
	defer func() {
		for _, p := range proxies {
			p.heal()
		}
	}()
	for {
		n := dice.IntN(len(proxies))
		name := names[dice.IntN(len(names))]
		faults[name](proxies[n], dice)
		did = append(did, []string{"log: ", "redis: "}[n]+name)
		for _, pause := range []int{600, 300} {
			select {
			case <-ctx.Done():
				return did
			case <-time.After(time.Duration(dice.IntN(pause)) * time.Millisecond):
			}
			proxies[n].heal()
		}
	}
}
