package redisview

import (
	"context"
	"runtime"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	senders     = 2   // pipelines that are on their way at most
	mostAtATime = 128 // reads in a pipeline: their answers all wait for the last one
)

// together sends what several callers read at the same time in one pipeline: while one is on its way, the next one
// fills. A read alone goes at once. It is for one server: in a cluster a server that is silent would keep the answers of
// the others back, and go-redis looks at a pipeline's first command alone for whether to try it again.
type together struct {
	client  redis.UniversalClient
	mu      sync.Mutex
	waiting []*asked
	sending int // senders at work
}

// asked is one caller's read.
type asked struct {
	add  func(redis.Pipeliner)
	sent chan struct{} // closed when the commands have their answers or errors
}

// do sends the commands that add adds, and waits for them unless ctx ends before; then they may not be looked at.
func (t *together) do(ctx context.Context, add func(redis.Pipeliner)) error {
	if err := ctx.Err(); err != nil {
		return err // the answer might be there before it is seen that nobody wants it
	}
	a := &asked{add, make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, a)
	idle := t.sending < senders
	if idle {
		t.sending++
	}
	t.mu.Unlock()
	if idle {
		go t.send()
	}
	select {
	case <-a.sent:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send sends until nobody waits.
func (t *together) send() {
	for {
		runtime.Gosched() // whoever is about to ask may come along
		batch := t.take()
		if batch == nil {
			return
		}
		t.exec(batch)
	}
}

// take gives the reads of the next pipeline, or ends the sender.
func (t *together) take() (batch []*asked) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.sending--
		return nil
	}
	n := min(len(t.waiting), mostAtATime)
	batch, t.waiting = t.waiting[:n:n], t.waiting[n:]
	return batch
}

func (t *together) exec(batch []*asked) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	pipe := t.client.Pipeline()
	for _, a := range batch {
		a.add(pipe)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for _, a := range batch {
		close(a.sent)
	}
}
