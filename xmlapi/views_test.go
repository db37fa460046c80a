package xmlapi_test

import (
	"context"
	"slices"
	"sync"

	"orderengine/eventstore"
	"orderengine/projections"
)

// memoryViews is a view store for a million short lives; what the real ones do, their own suite tests.
type memoryViews struct {
	mu      sync.Mutex
	at      eventstore.Position
	docs    map[string][]byte
	indexes map[string][]string // sorted
}

func newViews() *memoryViews {
	return &memoryViews{docs: map[string][]byte{}, indexes: map[string][]string{}}
}

func (v *memoryViews) Get(_ context.Context, keys ...string) (projections.Docs, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	docs := projections.Docs{At: v.at}
	for _, key := range keys {
		docs.Values = append(docs.Values, v.docs[key])
	}
	return docs, nil
}

func (v *memoryViews) Page(context.Context, string, projections.Cut) (projections.Page, error) {
	panic("the interface pages through nothing")
}

func (v *memoryViews) Range(_ context.Context, index string, r projections.Range) (projections.Stretch, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	members := v.indexes[index]
	first, _ := slices.BinarySearch(members, r.From)
	last := len(members)
	if r.To != "" {
		last, _ = slices.BinarySearch(members, r.To)
	}
	last = max(first, min(last, first+r.Limit))
	return projections.Stretch{Members: slices.Clone(members[first:last]), At: v.at}, nil
}

func (v *memoryViews) Checkpoint(context.Context) (eventstore.Position, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at, nil
}

func (v *memoryViews) Wipe(context.Context) error { return nil } // it begins empty

func (v *memoryViews) Commit(_ context.Context, b projections.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at != b.From {
		return projections.ErrStale
	}
	for _, op := range b.Ops {
		members := v.indexes[op.Key]
		at, there := slices.BinarySearch(members, op.Member)
		switch {
		case op.Kind == projections.Put:
			value, err := op.Document()
			if err != nil {
				return err
			}
			v.docs[op.Key] = value
		case op.Kind == projections.Delete:
			delete(v.docs, op.Key)
		case op.Kind == projections.List && !there:
			v.indexes[op.Key] = slices.Insert(members, at, op.Member)
		case op.Kind == projections.Unlist && there:
			v.indexes[op.Key] = slices.Delete(members, at, at+1)
		}
	}
	v.at = b.To
	return nil
}
