package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// get calls the server and gives the whole reply.
type get func(ctx context.Context, r request) ([]byte, error)

// list gives up to limit items of one of the server's lists, all if it is 0, page after page; more says that there may be
// others.
func (g get) list(ctx context.Context, path string, limit int) (items []json.RawMessage, more bool, err error) {
	for path != "" {
		answer, err := g(ctx, request{method: http.MethodGet, path: path})
		if err != nil {
			return nil, false, err
		}
		var page struct {
			Next    *string
			Results []json.RawMessage
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, false, strangeAnswer(err)
		}
		if items = append(items, page.Results...); limit > 0 && len(items) >= limit {
			return items[:limit], page.Next != nil || len(items) > limit, nil
		}
		if path, err = onPath(page.Next); err != nil {
			return nil, false, err
		}
	}
	return items, false, nil
}

// onPath is where a link leads on this server: a proxy may know it by another name.
func onPath(link *string) (string, error) {
	if link == nil {
		return "", nil
	}
	u, err := url.Parse(*link)
	if err != nil {
		return "", fmt.Errorf("the server's link: %w", err)
	}
	return u.RequestURI(), nil
}

// pageSize is the most that the server gives at once.
const pageSize = 100
