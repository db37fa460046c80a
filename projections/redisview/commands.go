package redisview

import (
	"fmt"
	"slices"

	"orderengine/projections"
)

// calls are the batch as the calls of commitScript, one for each part: the last word on each document and each
// index entry, since nobody sees the earlier ones, in few long commands, since each costs.
func (k keys) calls(token uint64, b projections.Batch) ([]call, error) {
	calls := make([]call, len(k.parts))
	for i, ops := range k.spread(b.Ops) {
		c, err := gather(ops)
		if err != nil {
			return nil, err
		}
		words, err := c.words(k.parts[i], []any{token, b.From.String(), b.To.String()}, 3*len(ops))
		if err != nil {
			return nil, err
		}
		calls[i] = call{part: i, words: words}
		if k.split() {
			calls[i].names = c.names(k.parts[i])
		}
	}
	return calls, nil
}

// spread gives each part its ops.
func (k keys) spread(ops []projections.Op) [][]projections.Op {
	if !k.split() {
		return [][]projections.Op{ops}
	}
	spread := make([][]projections.Op, len(k.parts))
	for _, op := range ops {
		i := k.place(op.Key)
		spread[i] = append(spread[i], op)
	}
	return spread
}

// words are the commands for a part, of about so many words, behind the first arguments.
func (c changes) words(p part, first []any, size int) ([]any, error) {
	a := arguments{words: slices.Grow(first, size)}
	var failed error
	c.documents.each(projections.Put, func(op *projections.Op) {
		value, err := op.Document()
		if err != nil {
			failed = fmt.Errorf("document %s: %w", op.Key, err)
		}
		a.add("MSET", "", p.document(op.Key), value)
	})
	c.documents.each(projections.Delete, func(op *projections.Op) { a.add("UNLINK", "", p.document(op.Key)) })
	for _, index := range c.indexes {
		key := p.index(index.name)
		index.each(projections.List, func(op *projections.Op) { a.add("ZADD", key, "0", op.Member) })
		index.each(projections.Unlist, func(op *projections.Op) { a.add("ZREM", key, op.Member) })
	}
	return a.words, failed
}

// names are the keys that the words change. A cluster must be told of them: while it moves their slot, it then
// refuses the whole script, and otherwise would in the middle.
func (c changes) names(p part) []string {
	names := make([]string, 0, len(c.documents.ops)+len(c.indexes))
	for _, op := range c.documents.ops {
		names = append(names, p.document(op.Key))
	}
	for _, index := range c.indexes {
		names = append(names, p.index(index.name))
	}
	return names
}

// changes are the ops of a batch that count.
type changes struct {
	documents *lastOps
	indexes   []*lastOps
}

func gather(ops []projections.Op) (changes, error) {
	c := changes{documents: newLastOps("")}
	indexes := make(map[string]*lastOps)
	for i := range ops {
		op := &ops[i]
		switch op.Kind {
		case projections.Put, projections.Delete:
			c.documents.add(op.Key, op)
		case projections.List, projections.Unlist:
			index, known := indexes[op.Key]
			if !known {
				index = newLastOps(op.Key)
				indexes[op.Key] = index
				c.indexes = append(c.indexes, index)
			}
			index.add(op.Member, op)
		default:
			return changes{}, fmt.Errorf("views: op %d of the batch has unknown kind %d", i, op.Kind)
		}
	}
	return c, nil
}

// lastOps keeps the last op of each key or member.
type lastOps struct {
	name  string // of the index
	ops   []*projections.Op
	place map[string]int
}

func newLastOps(name string) *lastOps { return &lastOps{name: name, place: make(map[string]int)} }

func (l *lastOps) add(name string, op *projections.Op) {
	if at, seen := l.place[name]; seen {
		l.ops[at] = op
		return
	}
	l.place[name] = len(l.ops)
	l.ops = append(l.ops, op)
}

func (l *lastOps) each(kind projections.OpKind, do func(op *projections.Op)) {
	for _, op := range l.ops {
		if op.Kind == kind {
			do(op)
		}
	}
}

// arguments gathers words into commands, each behind the number of its words.
type arguments struct {
	words  []any
	length int // where the number of the last command's words stands; 0 before the first
	name   string
	key    string
}

// longest bounds the words of one command; Lua's stack takes 8000.
const longest = 2000

// add adds words to the last command if it has the same name and key, or begins a new one. Key is "" where
// the command has none of its own.
func (a *arguments) add(name, key string, words ...any) {
	if a.length == 0 || a.name != name || a.key != key || len(a.words)-a.length > longest {
		a.begin(name, key)
	}
	a.words = append(a.words, words...)
	a.words[a.length] = len(a.words) - a.length - 1
}

func (a *arguments) begin(name, key string) {
	a.length, a.name, a.key = len(a.words), name, key
	a.words = append(a.words, 0, name)
	if key != "" {
		a.words = append(a.words, key)
	}
}
