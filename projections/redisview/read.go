package redisview

import (
	"context"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"

	"orderengine/eventstore"
	"orderengine/projections"
)

const (
	agreeLimit = 500 * time.Millisecond // how long a read waits for parts to come to one checkpoint
	agreeEvery = 500 * time.Microsecond // between looks at them
)

// Get implements [projections.Reader].
func (s *Store) Get(ctx context.Context, keys ...string) (docs projections.Docs, err error) {
	docs.At, err = s.agreed(ctx, func() (at []eventstore.Position, err error) {
		docs.Values, at, err = s.get(ctx, keys)
		return at, err
	})
	if err != nil {
		return projections.Docs{}, err
	}
	return docs, nil
}

// get reads documents, and the checkpoint of each part they are in with them in one step.
func (s *Store) get(ctx context.Context, keys []string) (values [][]byte, at []eventstore.Position, err error) {
	if len(keys) == 0 {
		at, err = s.positions(ctx)
		return [][]byte{}, at, err
	}
	reads := s.spreadKeys(keys)
	commands := make([]*redis.SliceCmd, len(reads))
	if err := s.ask(ctx, func(pipe redis.Pipeliner) {
		for i, r := range reads {
			commands[i] = pipe.MGet(ctx, r.names...)
		}
	}); err != nil {
		return nil, nil, s.explain(ctx, err)
	}
	values = make([][]byte, len(keys))
	for i, command := range commands {
		found, err := command.Result()
		if err != nil {
			return nil, nil, s.explain(ctx, err)
		}
		checkpoint, _ := found[0].(string) // nil where there is none
		position, err := parseCheckpoint(checkpoint)
		if err != nil {
			return nil, nil, err
		}
		at = append(at, position)
		for n, key := range reads[i].keys {
			values[key] = bytesOf(found[1+n])
		}
	}
	return values, at, nil
}

// ask sends the commands that add adds, each of which has its own error then: to one server together with what others
// ask at the same time.
func (s *Store) ask(ctx context.Context, add func(redis.Pipeliner)) error {
	if !s.keys.split() {
		return s.together.do(ctx, add)
	}
	pipe := s.client.Pipeline()
	add(pipe)
	_, _ = pipe.Exec(ctx)
	return nil
}

// partRead is what is read of one part: its checkpoint, and the documents with some of the keys.
type partRead struct {
	names []string
	keys  []int
}

// spreadKeys gives each part that has one of the keys its own.
func (s *Store) spreadKeys(keys []string) []partRead {
	var reads []partRead
	of := make([]int, len(s.keys.parts)) // one more than where a part's stands in reads
	for i, key := range keys {
		place := s.keys.place(key)
		p := s.keys.parts[place]
		if of[place] == 0 {
			reads = append(reads, partRead{names: append(make([]string, 0, 1+len(keys)), p.checkpoint())})
			of[place] = len(reads)
		}
		r := &reads[of[place]-1]
		r.names, r.keys = append(r.names, p.document(key)), append(r.keys, i)
	}
	return reads
}

// bytesOf is nil where the answer is, and not nil where it is empty. The bytes are the answer's own: nobody else has it,
// and nobody changes a document that was read.
func bytesOf(answer any) []byte {
	value, ok := answer.(string)
	if !ok {
		return nil
	}
	if value == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(value), len(value))
}

// agreed reads until the parts that were read are at one checkpoint, and then waits until no other part is
// behind it: between two parts' steps of a commit, an answer from one would be ahead of the next answer, from
// another. Parts that do not come together are being mended.
func (s *Store) agreed(ctx context.Context, read func() ([]eventstore.Position, error)) (at eventstore.Position, err error) {
	for end := time.Now().Add(agreeLimit); ; {
		all, err := read()
		if err != nil {
			return at, err
		}
		at = all[0]
		if same(all) {
			return at, s.settle(ctx, at, end)
		}
		if err := s.pause(ctx, end); err != nil {
			return at, err
		}
	}
}

func same(all []eventstore.Position) bool {
	for _, at := range all {
		if at != all[0] {
			return false
		}
	}
	return true
}

// settle waits until no part is before a checkpoint.
func (s *Store) settle(ctx context.Context, at eventstore.Position, end time.Time) error {
	if !s.keys.split() {
		return nil
	}
	for s.settled.Load().Before(at) {
		lowest, err := s.Checkpoint(ctx)
		if err != nil || !lowest.Before(at) {
			return err
		}
		if err := s.pause(ctx, end); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for the next look at parts that do not agree.
func (s *Store) pause(ctx context.Context, end time.Time) error {
	if time.Now().After(end) {
		return projections.ErrLagging
	}
	timer := time.NewTimer(agreeEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return s.explain(ctx, ctx.Err())
	}
}
