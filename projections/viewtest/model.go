package viewtest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"orderengine/eventstore"
	"orderengine/projections"
)

// Model is the naive view store that the real ones are compared with.
type Model struct {
	at      eventstore.Position
	docs    map[string][]byte
	indexes map[string]map[string]bool
}

// NewModel is empty.
func NewModel() *Model {
	return &Model{docs: map[string][]byte{}, indexes: map[string]map[string]bool{}}
}

// Commit does what [projections.Committer] promises of a batch that builds on the checkpoint.
func (m *Model) Commit(b projections.Batch) {
	for _, op := range b.Ops {
		m.do(op)
	}
	m.at = b.To
}

func (m *Model) do(op projections.Op) {
	switch op.Kind {
	case projections.Put:
		value, err := op.Document()
		if err != nil {
			panic(err) // the suite's states all have a stored form
		}
		m.docs[op.Key] = bytes.Clone(value)
	case projections.Delete:
		delete(m.docs, op.Key)
	case projections.List:
		if m.indexes[op.Key] == nil {
			m.indexes[op.Key] = map[string]bool{}
		}
		m.indexes[op.Key][op.Member] = true
	case projections.Unlist:
		delete(m.indexes[op.Key], op.Member)
		if len(m.indexes[op.Key]) == 0 {
			delete(m.indexes, op.Key)
		}
	}
}

// Dump is what a store that holds the same dumps.
func (m *Model) Dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %s\n", m.at)
	names := slices.Sorted(maps.Keys(m.indexes))
	for _, index := range names {
		fmt.Fprintf(&b, "count %q %d\n", index, len(m.indexes[index]))
	}
	for _, key := range slices.Sorted(maps.Keys(m.docs)) {
		fmt.Fprintf(&b, "doc %q %q\n", key, m.docs[key])
	}
	for _, index := range names {
		for _, member := range slices.Sorted(maps.Keys(m.indexes[index])) {
			fmt.Fprintf(&b, "member %q %q\n", index, member)
		}
	}
	return b.String()
}

func (m *Model) value(key string) []byte {
	value, ok := m.docs[key]
	if !ok {
		return nil
	}
	return append([]byte{}, value...)
}

func (m *Model) page(index string, cut projections.Cut) projections.Page {
	members := slices.Sorted(maps.Keys(m.indexes[index]))
	total := len(members)
	if cut.NewestFirst {
		slices.Reverse(members)
	}
	members = members[min(max(cut.Offset, 0), total):]
	members = members[:min(max(cut.Limit, 0), len(members))]
	page := projections.Page{Members: members, Total: total, At: m.at}
	if cut.Documents.Of != "" {
		for _, key := range cut.Documents.Keys(members) {
			page.Values = append(page.Values, m.value(key))
		}
	}
	return page
}

func (m *Model) stretch(index string, r projections.Range) projections.Stretch {
	members := slices.DeleteFunc(slices.Sorted(maps.Keys(m.indexes[index])), func(member string) bool {
		return member < r.From || r.To != "" && member >= r.To
	})
	return projections.Stretch{Members: members[:min(max(r.Limit, 0), len(members))], At: m.at}
}
