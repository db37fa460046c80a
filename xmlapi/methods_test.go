package xmlapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"orderengine/projections"
	"orderengine/xmlapi"
)

// distant are views that a call goes to over the network, and that give up with their caller.
type distant struct{ projections.Reader }

func (distant) Range(ctx context.Context, _ string, _ projections.Range) (projections.Stretch, error) {
	<-ctx.Done()
	return projections.Stretch{}, ctx.Err()
}

// TestAClientThatHasGone is no failed call: it is not logged as one, nor counted with a result code.
func TestAClientThatHasGone(t *testing.T) {
	w, closes := newWorld()
	defer closes()
	var log strings.Builder
	metrics := prometheus.NewRegistry()
	w.api.Views, w.api.Logger, w.api.Calls = distant{w.api.Views}, slog.New(slog.NewTextHandler(&log, nil)), xmlapi.NewCalls(metrics)
	gone, leave := context.WithCancel(t.Context())
	leave()
	body := "<arg0><responseType>0</responseType><methodCode>eventsReplay</methodCode><methodParams><secret>" + secret + "</secret></methodParams></arg0>"
	r := httptest.NewRequestWithContext(gone, http.MethodPost, xmlapi.Path, strings.NewReader(body))
	r.Header.Set("Content-Type", "text/xml")
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r)
	counted, err := metrics.Gather()
	must(err)
	if recorder.Code != 499 || log.Len() > 0 || len(counted) > 0 {
		t.Errorf("%d %s\nlog: %s\ncounted: %v", recorder.Code, recorder.Body, &log, counted)
	}
}
