// Package netfault puts a bad network between a client and a server in tests: it delays, holds up, cuts, resets
// and half-closes what goes through it.
package netfault

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy forwards connections to one server.
type Proxy struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when what follows changes
	links   map[*link]struct{}
	delay   time.Duration
	stalled bool
	cut     bool
	closed  bool
}

// link is one connection through the proxy.
type link struct{ client, server *net.TCPConn }

// Start starts a proxy to a server, host:port, and ends it with the test.
func Start(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, target: target, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.work.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is where clients connect to, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Delay holds every piece of data for so long, in both directions.
func (p *Proxy) Delay(d time.Duration) { p.change(func() { p.delay = d }) }

// Stall lets nothing through; the connections stay.
func (p *Proxy) Stall() { p.change(func() { p.stalled = true }) }

// Cut closes all connections and every new one.
func (p *Proxy) Cut() {
	p.change(func() { p.cut = true })
	p.each(func(l *link) { l.close() })
}

// Reset ends all connections as a router does that has lost them; new ones are good.
func (p *Proxy) Reset() {
	p.each(func(l *link) {
		_ = l.client.SetLinger(0) // so that closing resets; both fail only on what is closed
		_ = l.server.SetLinger(0)
		l.close()
	})
}

// HalfClose ends the clients' side of all connections: the server hears no more from them, and what it sends
// arrives.
func (p *Proxy) HalfClose() {
	p.each(func(l *link) {
		_ = l.client.CloseRead() // fails only on what is closed
		_ = l.server.CloseWrite()
	})
}

// Heal makes the network good again for what is connected and what will be.
func (p *Proxy) Heal() { p.change(func() { p.delay, p.stalled, p.cut = 0, false, false }) }

func (p *Proxy) change(how func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) each(do func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		do(l)
	}
}

func (p *Proxy) close() {
	p.change(func() { p.closed = true })
	_ = p.listener.Close()
	p.each(func(l *link) { l.close() })
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.work.Go(func() { p.serve(client.(*net.TCPConn)) })
		}
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	l := &link{client, server.(*net.TCPConn)}
	defer l.close()
	if !p.add(l) {
		return
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { p.pump(l.server, l.client) })
	pumps.Go(func() { p.pump(l.client, l.server) })
	pumps.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.closed {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

// pump forwards one direction until it ends, and then ends it on the other side.
func (p *Proxy) pump(to, from *net.TCPConn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && p.hold() {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.CloseWrite() // fails only on what is closed
}

// hold waits as long as the network wants; it says that data may go on.
func (p *Proxy) hold() bool {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay) // this is the fault
	}
	for {
		p.mu.Lock()
		stalled, closed, changed := p.stalled, p.closed, p.changed
		p.mu.Unlock()
		if closed || !stalled {
			return !closed
		}
		<-changed
	}
}

func (l *link) close() {
	_ = l.client.Close() // both may be closed already
	_ = l.server.Close()
}
