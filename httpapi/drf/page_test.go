package drf

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestPagingParse(t *testing.T) {
	paging := Paging{Size: 10, Max: 100}
	for query, want := range map[string]PageQuery{
		"":                                 {Size: 10, Number: 1},
		"page=3":                           {Size: 10, Number: 3},
		"page=1&page=2":                    {Size: 10, Number: 2},
		"page=last":                        {Size: 10, Number: 1, Last: true},
		"page=+2+":                         {Size: 10, Number: 2},
		"page=%2B2":                        {Size: 10, Number: 2},
		"page=%D9%A3":                      {Size: 10, Number: 3},
		"page=1_0":                         {Size: 10, Number: 10},
		"page_size=4":                      {Size: 4, Number: 1},
		"page_size=100":                    {Size: 100, Number: 1},
		"page_size=101":                    {Size: 100, Number: 1},
		"page_size=9999999999999999999999": {Size: 100, Number: 1},
		"page_size=0":                      {Size: 10, Number: 1},
		"page_size=-1":                     {Size: 10, Number: 1},
		"page_size=":                       {Size: 10, Number: 1},
		"page_size=ten":                    {Size: 10, Number: 1},
		"page_size=5.0":                    {Size: 10, Number: 1},
		"page_size=5&page=2":               {Size: 5, Number: 2},
	} {
		got, err := paging.Parse(queryOf(query))
		want.paging = paging
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
	for _, query := range []string{"page=", "page", "page=0", "page=-1", "page=1.0", "page=x", "page=LAST", "page=1&page=",
		"page=2147483648", "page=99999999999999999999", "page=1%00"} {
		got, err := paging.Parse(queryOf(query))
		if refused := AsError(err); refused == nil || refused.Status != 404 || string(refused.Body(En)) != `{"detail":"Invalid page."}` ||
			string(refused.Body(ZhHans)) != `{"detail":"无效页面。"}` {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
}

func queryOf(raw string) url.Values {
	return Query(&http.Request{URL: &url.URL{RawQuery: raw}})
}

func TestPages(t *testing.T) {
	for _, tt := range []struct {
		query         string
		count         int
		offset, items int // -1: there is no such page
	}{
		{"", 0, 0, 0}, {"page=1", 0, 0, 0}, {"page=last", 0, 0, 0}, {"page=2", 0, -1, 0},
		{"", 12, 0, 4}, {"page=3", 12, 8, 4}, {"page=4", 12, -1, 0}, {"page=last", 12, 8, 4},
		{"page=4", 13, 12, 1}, {"page=last", 13, 12, 1}, {"page=last", 4, 0, 4},
		{"page=2147483647", 13, -1, 0},
	} {
		q, err := Paging{Size: 4, Max: 100}.Parse(queryOf(tt.query))
		if err != nil {
			t.Fatal(err)
		}
		page, err := q.Of(tt.count)
		if tt.offset < 0 {
			if AsError(err) == nil || AsError(err).Status != 404 {
				t.Errorf("%+v: %+v, %v", tt, page, err)
			}
			continue
		}
		if err != nil || page.Offset() != tt.offset || held(page) != tt.items || !q.Last && q.Offset() != page.Offset() {
			t.Errorf("%+v: %+v, %v", tt, page, err)
		}
	}
}

// held is how many items a page holds.
func held(p Page) int { return min(p.Size, p.Count-p.Offset()) }

func TestLinks(t *testing.T) {
	for _, tt := range []struct {
		target         string
		showSize       bool
		next, previous string
	}{
		{"/u/", false, "/u/?page=2", ""},
		{"/u/", true, "/u/?page=2&page_size=4", ""},
		{"/u/?page=2", false, "/u/?page=3", "/u/"},
		{"/u/?page=2", true, "/u/?page=3&page_size=4", "/u/?page_size=4"},
		{"/u/?page=3", false, "", "/u/?page=2"},
		{"/u/?page=last", false, "", "/u/?page=2"},
		{"/u/?status=1&page=2&a=%E4%B8%AD+x~&b=&a=%2F", false, "/u/?a=%E4%B8%AD+x~&a=%2F&b=&page=3&status=1", "/u/?a=%E4%B8%AD+x~&a=%2F&b=&status=1"},
		{"/u/?page=2&page=1", false, "/u/?page=2", ""},
		{"/u/?page_size=bad", false, "/u/?page=2&page_size=bad", ""},
		{"/u/?page_size=bad", true, "/u/?page=2&page_size=4", ""},
		{"/%E4%B8%AD%2F/?page=1", false, "/%E4%B8%AD%2F/?page=2", ""},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Host = "127.0.0.1:8000"
		q, err := Paging{Size: 4, Max: 100, ShowSize: tt.showSize}.Parse(Query(r))
		if err != nil {
			t.Fatal(err)
		}
		page, err := q.Of(12)
		if err != nil {
			t.Fatal(err)
		}
		if got := linkText(page.Next(r)); got != tt.next {
			t.Errorf("%s: next is %s", tt.target, got)
		}
		if got := linkText(page.Previous(r)); got != tt.previous {
			t.Errorf("%s: previous is %s", tt.target, got)
		}
	}
}

func linkText(link *string) string {
	if link == nil {
		return ""
	}
	return strings.TrimPrefix(*link, "http://127.0.0.1:8000")
}

func TestAbsolute(t *testing.T) {
	r := httptest.NewRequest("GET", "/a/", nil)
	r.Host = "api.example.com"
	expect := func(want string) {
		t.Helper()
		if got := absolute(r); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	expect("http://api.example.com/a/")
	r.TLS = new(tls.ConnectionState)
	expect("https://api.example.com/a/")
	r.Header.Set("X-Forwarded-Proto", "http, https")
	expect("http://api.example.com/a/")
	r.Header.Set("X-Forwarded-Proto", "HTTPS")
	r.TLS = nil
	expect("https://api.example.com/a/")
	r.Header.Set("X-Forwarded-Proto", "javascript")
	expect("http://api.example.com/a/")
	r.Host = ""
	expect("http://localhost/a/")
	addr := net.Addr(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 8000})
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	expect("http://10.0.0.1:8000/a/")
}

func TestListing(t *testing.T) {
	r := httptest.NewRequest("GET", "/qaorder/user/doctor1/", nil)
	r.Host = "127.0.0.1:8000"
	q, _ := Paging{Size: 4, Max: 100, ShowSize: true}.Parse(Query(r))
	page, _ := q.Of(12)
	body, _ := Marshal(NewListing(r, page, []int{1, 2, 3, 4}))
	want := `{"count":12,"next":"http://127.0.0.1:8000/qaorder/user/doctor1/?page=2&page_size=4","previous":null,"results":[1,2,3,4]}`
	if string(body) != want {
		t.Errorf("got %s", body)
	}
	page, _ = q.Of(0)
	if body, _ = Marshal(NewListing[string](r, page, nil)); string(body) != `{"count":0,"next":null,"previous":null,"results":[]}` {
		t.Errorf("got %s", body)
	}
}

// TestWriteListing: what is written is what would be marshalled, on the first, a middle and the last page and on an empty one.
func TestWriteListing(t *testing.T) {
	r := httptest.NewRequest("GET", "/qaorder/order/patient/list/?status=5", nil)
	for _, c := range []struct {
		page, count int
		items       []int64
	}{{1, 7, []int64{1, 2, 3}}, {2, 7, []int64{4, 5, 6}}, {3, 7, []int64{7}}, {1, 0, nil}} {
		page, err := PageQuery{Size: 3, Number: c.page}.Of(c.count)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Marshal(NewListing(r, page, c.items))
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter()
		WriteListing(w, r, page, c.items, w.Int)
		if got, err := w.JSON(); string(got) != string(want) || err != nil {
			t.Errorf("page %d of %d: wrote %s, %v, want %s", c.page, c.count, got, err, want)
		}
		w.Release()
	}
}

func FuzzPaging(f *testing.F) {
	for _, seed := range []string{"", "page=2&page_size=3", "page=last", "page=", "page_size=%FF&x=%zz", "page=99999999999999999999"} {
		f.Add(seed, 12)
	}
	f.Fuzz(func(t *testing.T, raw string, count int) {
		if count < 0 || count > 1<<40 {
			return
		}
		r := &http.Request{Host: "h", URL: &url.URL{Path: "/", RawQuery: raw}}
		q, err := Paging{Size: 10, Max: 100}.Parse(Query(r))
		if err == nil && (q.Size < 1 || q.Size > 100 || q.Number < 1 || q.Offset() < 0) {
			t.Fatalf("%q: %+v", raw, q)
		}
		if err != nil {
			return
		}
		page, err := q.Of(count)
		if err != nil {
			return
		}
		if held(page) < 0 || page.Offset() > count || held(page) == 0 && count > 0 {
			t.Fatalf("%q of %d: %+v", raw, count, page)
		}
		checkLink(t, page, page.Next(r), 1)
		checkLink(t, page, page.Previous(r), -1)
	})
}

// checkLink follows a link and expects the neighbouring page, of the same size.
func checkLink(t *testing.T, page Page, link *string, step int) {
	if link == nil {
		return
	}
	u, err := url.Parse(*link)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Paging{Size: 10, Max: 100}.Parse(Query(&http.Request{URL: u}))
	if err != nil || q.Number != page.Number+step || q.Size != page.Size {
		t.Fatalf("%s leads to %+v, %v from %+v", *link, q, err, page)
	}
}
