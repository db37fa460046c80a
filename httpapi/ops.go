package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// livez says that the process serves requests.
func (c *call) livez() (reply, error) { return text(http.StatusOK, "ok\n"), nil }

// LookLimit bounds how long readiness, or a metric, looks at one thing.
const LookLimit = 2 * time.Second

// readyz says whether the server should get requests, and with ?verbose what it looked at.
func (c *call) readyz() (reply, error) {
	ctx, cancel := context.WithTimeout(c.ctx(), LookLimit)
	defer cancel()
	var all bytes.Buffer
	status, verdict := http.StatusOK, "ok"
	for _, check := range c.api.Ready {
		word, err := check.Look(ctx)
		if err != nil {
			if !check.Serves {
				status, verdict = http.StatusServiceUnavailable, "not ready"
			}
			fmt.Fprintf(&all, "[-] %s: %s: %v\n", check.Name, word, err)
			continue
		}
		fmt.Fprintf(&all, "[+] %s: %s\n", check.Name, word)
	}
	if _, verbose := c.query["verbose"]; !verbose {
		return text(status, verdict+"\n"), nil
	}
	return text(status, all.String()+verdict+"\n"), nil
}

// metrics is the Prometheus page.
func (c *call) metrics() (reply, error) {
	families, err := c.api.Metrics.Gather()
	if err != nil {
		return reply{}, err
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			return reply{}, err
		}
	}
	return reply{http.StatusOK, rawBody{string(expfmt.NewFormat(expfmt.TypeTextPlain)), b.Bytes()}}, nil
}

func text(status int, s string) reply {
	return reply{status, rawBody{"text/plain; charset=utf-8", []byte(s)}}
}

const (
	requestIDHeader = "X-Request-Id"
	slowRequest     = time.Second
)

// instrument gives what counts, times and logs the requests of a route, and outlives a panic of it.
func (a *API) instrument() func(name string, next echo.HandlerFunc) echo.HandlerFunc {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "orderd_http_request_seconds", Help: "Time from the request's header to its reply, by route and status.",
		Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16),
	}, []string{"route", "method", "status"})
	a.Metrics.MustRegister(seconds)
	return func(name string, next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) (err error) {
			began := time.Now()
			id := requestIDOf(ec.Request())
			ec.Response().Header().Set(requestIDHeader, id)
			defer func() {
				if p := recover(); p == http.ErrAbortHandler {
					panic(p) // a streamed reply that must not look whole
				} else if p != nil {
					a.Logger.Error("a request panicked", "request", id, "route", name, "panic", fmt.Sprint(p))
					if ec.Response().Committed {
						panic(http.ErrAbortHandler) // what has begun must not look whole
					}
					c := &call{api: a, echo: ec}
					err = c.send(c.refusal(fmt.Errorf("panic: %v", p)))
				}
				took := time.Since(began)
				status := ec.Response().Status
				seconds.WithLabelValues(name, methodLabel(ec.Request().Method), strconv.Itoa(status)).Observe(took.Seconds())
				a.logRequest(ec, id, name, status, took)
			}()
			return next(ec)
		}
	}
}

// logRequest leaves out the path and the query: they hold order numbers and names.
func (a *API) logRequest(ec echo.Context, id, route string, status int, took time.Duration) {
	level := slog.LevelDebug
	if status >= http.StatusInternalServerError || took > slowRequest {
		level = slog.LevelInfo
	}
	if !a.Logger.Enabled(ec.Request().Context(), level) {
		return
	}
	a.Logger.LogAttrs(ec.Request().Context(), level, "request", slog.String("request", id), slog.String("route", route),
		slog.String("method", ec.Request().Method), slog.Int("status", status), slog.Duration("took", took),
		slog.Int64("bytes", ec.Response().Size))
}

// methodLabel keeps made-up methods from making metrics without end.
func methodLabel(method string) string {
	switch method {
	case get, post, put, patch, remove, http.MethodHead, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// requestIDForm is what is taken of others' ids: they stand in logs, events and sheets for ever.
var requestIDForm = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

// requestIDOf takes the id that a proxy gave, or makes one.
func requestIDOf(r *http.Request) string {
	if id := r.Header.Get(requestIDHeader); requestIDForm.MatchString(id) {
		return id
	}
	id := make([]byte, 8)
	rand.Read(id) // never fails: see crypto/rand
	return hex.EncodeToString(id)
}
