package drf

import (
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Paging is how a list is cut into pages (PageNumberPagination with page_size_query_param "page_size").
// Size and Max must be positive.
type Paging struct {
	Size     int  // items a page, if the client does not say
	Max      int  // the most items a page; a larger page_size is cut down to it
	ShowSize bool // the links always name the page_size
}

// PageQuery is the page that a client asks for; whether there is one, only the count can tell.
type PageQuery struct {
	Size   int
	Number int  // from 1
	Last   bool // the last page, whichever that is; Number is then 1
	paging Paging
}

// maxPage is more pages than any list has; beyond it an offset might overflow.
const maxPage = math.MaxInt32

// Parse reads `page` and `page_size`. A page_size that is no positive number means the default, a bad page is the 404
// "Invalid page." (get_page_size, get_page_number, and Django's Paginator.validate_number). Numbers are what Python's
// int() takes: "+2", " 2" and full-width digits are, "2.0" is not.
func (p Paging) Parse(query url.Values) (PageQuery, error) {
	q := PageQuery{Size: p.Size, Number: 1, paging: p}
	if size, ok := pyInt(last(query["page_size"])); ok && size > 0 {
		q.Size = int(min(size, int64(p.Max)))
	}
	values := query["page"]
	if len(values) == 0 {
		return q, nil
	}
	if last(values) == "last" {
		q.Last = true
		return q, nil
	}
	number, ok := pyInt(last(values))
	if !ok || number < 1 || number > maxPage {
		return PageQuery{}, invalidPage()
	}
	q.Number = int(number)
	return q, nil
}

// last is the value of a repeated parameter that counts (QueryDict.__getitem__).
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func invalidPage() *Error { return NewError(http.StatusNotFound, MsgInvalidPage) }

// Offset is how many items come before the page; count first if it is the Last that is asked for.
func (q PageQuery) Offset() int { return (q.Number - 1) * q.Size }

// Of settles the page once it is known how many items there are. A page beyond the last is the 404 "Invalid page.", but
// the first page of an empty list is a page.
func (q PageQuery) Of(count int) (Page, error) {
	pages := max(1, (count+q.Size-1)/q.Size)
	if q.Last {
		q.Number = pages
	}
	if q.Number > pages {
		return Page{}, invalidPage()
	}
	return Page{Count: count, Number: q.Number, Size: q.Size, pages: pages, showSize: q.paging.ShowSize}, nil
}

// Page is a page that exists.
type Page struct {
	Count  int // of items in the whole list
	Number int // from 1
	Size   int

	pages    int
	showSize bool
}

// Offset is how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }

// Listing is the reply of a list, its keys in DRF's order.
type Listing[T any] struct {
	listingHead
	Results []T `json:"results"`
}

type listingHead struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
}

func (p Page) head(r *http.Request) listingHead {
	return listingHead{p.Count, p.Next(r), p.Previous(r)}
}

// NewListing makes the reply for a page (get_paginated_response); results are the items of that page alone.
func NewListing[T any](r *http.Request, page Page, results []T) Listing[T] {
	if results == nil {
		results = []T{} // a list, not null
	}
	return Listing[T]{page.head(r), results}
}

// WriteListing is NewListing for a writer, which write gives each item of the page.
func WriteListing[T any](w *Writer, r *http.Request, page Page, items []T, write func(T)) {
	head := page.head(r)
	w.Begin('{')
	w.Name("count").Int(int64(head.Count))
	w.Name("next").StringOrNull(head.Next)
	w.Name("previous").StringOrNull(head.Previous)
	w.Name("results").Begin('[')
	for _, item := range items {
		w.Item()
		write(item)
	}
	w.End(']')
	w.End('}')
}

// Next is the link to the page after this one, or nil.
func (p Page) Next(r *http.Request) *string {
	if p.Number >= p.pages {
		return nil
	}
	return p.link(r, p.Number+1)
}

// Previous is the link to the page before this one, or nil.
func (p Page) Previous(r *http.Request) *string {
	if p.Number <= 1 {
		return nil
	}
	return p.link(r, p.Number-1)
}

// link is the request's own address with another page. DRF's replace_query_param and remove_query_param leave the query
// sorted by key, and the first page goes without a number.
func (p Page) link(r *http.Request, number int) *string {
	query := Query(r)
	if number == 1 {
		delete(query, "page")
	} else {
		query.Set("page", strconv.Itoa(number))
	}
	if p.showSize {
		query.Set("page_size", strconv.Itoa(p.Size))
	}
	link := address(r, query)
	return &link
}

// NextLink is the request's own address with another place to go on from, for lists that have no numbered pages
// (CursorPagination).
func NextLink(r *http.Request, name, place string) string {
	query := Query(r)
	query.Set(name, place)
	return address(r, query)
}

// address is the request's own with another query.
func address(r *http.Request, query url.Values) string {
	link := absolute(r)
	if len(query) > 0 {
		// Encode sorts by key and escapes just as Python's urlencode does.
		link += "?" + query.Encode()
	}
	return link
}

// absolute is the request's address without its query (HttpRequest.build_absolute_uri).
func absolute(r *http.Request) string {
	return scheme(r) + "://" + host(r) + r.URL.EscapedPath()
}

// scheme believes the proxy that took the request first; without one, the connection tells.
func scheme(r *http.Request) string {
	forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	switch proto := strings.ToLower(strings.TrimSpace(forwarded)); {
	case proto == "http" || proto == "https":
		return proto
	case r.TLS != nil:
		return "https"
	}
	return "http"
}

// host falls back on the address that was called: HTTP/1.0 has no Host.
func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return addr.String()
	}
	return "localhost"
}
