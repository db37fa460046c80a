package projections

import "context"

// Window is a part of a list, newest first unless said otherwise.
type Window struct{ Offset, Limit int }

func (w Window) newest() Cut { return Cut{Offset: w.Offset, Limit: w.Limit, NewestFirst: true} }
func (w Window) oldest() Cut { return Cut{Offset: w.Offset, Limit: w.Limit} }

// statesOf are the documents of streams of a category, whose ids are an index's members.
func statesOf(category string) Documents { return Documents{Of: category + "-"} }

// rankedStatesOf are statesOf where the members are ranked.
func rankedStatesOf(category string) Documents { return Documents{Of: category + "-", Skip: rankSize} }

// listed reads a part of an index as the documents of its members, and how many members the index has. Documents that
// are not there are left out. What it gives is shared: never change what it points to.
func listed[S any](ctx context.Context, views Reader, index string, cut Cut, of Documents) ([]S, int, error) {
	cut.Documents = of
	page, err := views.Page(ctx, index, cut)
	if err != nil {
		return nil, 0, err
	}
	states, err := decodeAll[S](views, of.Keys(page.Members), page.Values)
	return states, page.Total, err
}

// getAll reads the documents of streams of one category, as listed does.
func getAll[S any](ctx context.Context, views Reader, category string, ids []string) ([]S, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := statesOf(category).Keys(ids)
	docs, err := views.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	return decodeAll[S](views, keys, docs.Values)
}

func decodeAll[S any](views Reader, keys []string, values [][]byte) ([]S, error) {
	var known *documents
	if r, ok := views.(rememberer); ok {
		known = r.remembered()
	}
	states := make([]S, 0, len(values))
	for i, value := range values {
		if value == nil {
			continue
		}
		state, err := decode[S](known, keys[i], value)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return states, nil
}
