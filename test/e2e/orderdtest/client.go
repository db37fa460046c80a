package orderdtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Origin is what clients call a server by, whatever its port: the documents' cURL lines do.
const Origin = "http://127.0.0.1:8000"

// The tokens of the demo's people.
const (
	Patient1 = "48cebaf1955b6f45ee76515dbed221a1f229dd69"
	Patient2 = "2222222222222222222222222222222222222222"
	Doctor1  = "5fcfbbe09e2c7b18f4e5f2cca1f0511e9255ab49"
	Doctor2  = "dddddddddddddddddddddddddddddddddddddddd"
	Admin    = "demo-admin"
)

// Client sends requests as one caller. It is a value: With gives a changed one.
type Client struct {
	server *Server
	header http.Header
	spread bool // also what has a pk
}

// As is a client with a token, "" for none.
func (s *Server) As(token string) Client {
	c := Client{server: s, header: http.Header{}}
	if token == "" {
		return c
	}
	return c.With("Authorization", "Token "+token)
}

// With is a client that sends a header too; an empty value takes it away.
func (c Client) With(name, value string) Client {
	c.header = c.header.Clone()
	c.header.Del(name)
	if value != "" {
		c.header.Set(name, value)
	}
	return c
}

// Anywhere is a client that has any server make what has a pk, where there are several.
func (c Client) Anywhere() Client {
	c.spread = true
	return c
}

// Reply is a whole reply.
type Reply struct {
	Request string // method and path, for messages
	Status  int
	Line    string // HTTP/1.1 200 OK
	Header  http.Header
	Body    string
	Length  int64 // the Content-Length that was announced, -1 for none
	Err     error // there was no reply; Status is 0
}

// Body is what a request carries.
type Body struct {
	Type string
	Data string
	// Chunked sends it without a Content-Length.
	Chunked bool
}

// JSON is a JSON body.
func JSON(text string) Body { return Body{Type: "application/json", Data: text} }

// Form is an urlencoded body.
func Form(text string) Body { return Body{Type: "application/x-www-form-urlencoded", Data: text} }

// Multipart is a multipart body with the fields of an urlencoded text.
func Multipart(text string) Body {
	values, err := url.ParseQuery(text)
	if err != nil {
		panic(err) // a mistake in the test
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range values[name] {
			_ = w.WriteField(name, value) // a buffer takes it
		}
	}
	_ = w.Close()
	return Body{Type: w.FormDataContentType(), Data: b.String()}
}

// Send sends a request and gives the reply; without one, Status is 0 and Err says why. Where several servers share the
// views, a read that one of them cannot answer yet is sent again, as the reply asks for.
func (c Client) Send(method, path string, bodies ...Body) Reply {
	reply := c.send(method, path, bodies...)
	if len(c.server.peers) == 0 || method != http.MethodGet {
		return reply
	}
	for end := time.Now().Add(patience); reply.Status == http.StatusServiceUnavailable && time.Now().Before(end); {
		time.Sleep(poll)
		reply = c.send(method, path, bodies...)
	}
	return reply
}

func (c Client) send(method, path string, bodies ...Body) Reply {
	reply := Reply{Request: method + " " + path, Length: -1}
	var body io.Reader
	var kind string
	for _, b := range bodies {
		body, kind = strings.NewReader(b.Data), b.Type
		if b.Chunked {
			body = struct{ io.Reader }{body}
		}
	}
	r, err := http.NewRequest(method, Origin+path, body)
	if err != nil {
		reply.Err = err
		return reply
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	if host := c.header.Get("Host"); host != "" {
		r.Host = host
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("User-Agent", "test")
	got, err := c.to(r).http.Do(r)
	if err != nil {
		reply.Err = err
		return reply
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		reply.Err = err
		return reply
	}
	reply.Status, reply.Line, reply.Header, reply.Length = got.StatusCode, got.Proto+" "+got.Status, got.Header, got.ContentLength
	reply.Body = string(text)
	return reply
}

// to is the server that has the request.
func (c Client) to(r *http.Request) *Server {
	if !c.spread && r.Method == http.MethodPost && makes.MatchString(r.URL.Path) {
		return c.server
	}
	return c.server.turn()
}

// makes is where what has a pk is made.
var makes = regexp.MustCompile(`/create/$|^/admin/(users|hospitals)/$`)

// Get sends a GET.
func (c Client) Get(path string) Reply { return c.Send(http.MethodGet, path) }

// Want fails the test unless the reply has a status, and gives the reply.
func (r Reply) Want(t testing.TB, status int) Reply {
	t.Helper()
	if r.Status != status {
		t.Fatalf("%s: status %d, want %d: %.500s%v", r.Request, r.Status, status, r.Body, errText(r.Err))
	}
	return r
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

// Into decodes the body.
func (r Reply) Into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), v); err != nil {
		t.Fatalf("%s: %v: %.500s", r.Request, err, r.Body)
	}
}

// Refusal is the number of a refusal in the documents' form, 0 if the reply is none.
func (r Reply) Refusal() int {
	var refusal struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
	}
	if r.Status != http.StatusBadRequest || json.Unmarshal([]byte(r.Body), &refusal) != nil || refusal.Message == "" {
		return 0
	}
	return refusal.Status
}

// Metrics is what the servers count at /metrics, line by line as Prometheus' text has it; what several servers count is
// added up.
func (s *Server) Metrics() string {
	s.t.Helper()
	var names []string
	sums := map[string]float64{}
	for _, server := range append([]*Server{s}, s.peers...) {
		alone := Client{server: &Server{t: s.t, http: server.http}}
		for line := range strings.Lines(alone.Get("/metrics").Want(s.t, http.StatusOK).Body) {
			at := strings.LastIndexByte(line, ' ')
			n, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
			if strings.HasPrefix(line, "#") || err != nil {
				continue
			}
			name := line[:at]
			if _, known := sums[name]; !known {
				names = append(names, name)
			}
			sums[name] += n
		}
	}
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s %v\n", name, sums[name])
	}
	return text.String()
}
