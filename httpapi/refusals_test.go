package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"orderengine/domain"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/gateways"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// refuse answers a request with an error.
func refuse(err error, lang drf.Lang) (status int, body string, header http.Header) {
	recorder := httptest.NewRecorder()
	ec := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), recorder)
	c := &call{api: &API{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, echo: ec, lang: lang}
	status, text := c.refusal(err)
	return status, string(text), recorder.Header()
}

// TestEveryCodeHasItsRefusal walks the closed set of codes: each has one reply, and none is a defect's.
func TestEveryCodeHasItsRefusal(t *testing.T) {
	t.Parallel()
	want := map[domain.Code]struct {
		status int
		en, zh string
	}{
		domain.NotFound:          {404, `{"detail":"Not found."}`, `{"detail":"未找到。"}`},
		domain.Forbidden:         {403, `{"detail":"You do not have permission to perform this action."}`, `{"detail":"您没有执行该操作的权限。"}`},
		domain.AlreadyExists:     {400, `{"name":["This field must be unique."]}`, `{"name":["该字段必须唯一。"]}`},
		domain.Invalid:           {400, `{"name":["Invalid value: why"]}`, `{"name":["无效值：why"]}`},
		domain.KeyReused:         {409, `{"detail":"This Idempotency-Key was used for another request."}`, `{"detail":"该 Idempotency-Key 已用于另一个请求。"}`},
		domain.Erased:            {410, `{"detail":"The patient's data was erased."}`, `{"detail":"该患者的数据已删除。"}`},
		domain.Restricted:        {403, `{"detail":"The patient's data is restricted."}`, `{"detail":"该患者的数据已限制处理。"}`},
		domain.CannotPay:         {400, `{"status":-1,"message":"不能支付订单"}`, ""},
		domain.CannotCancel:      {400, `{"status":-2,"message":"不能取消订单"}`, ""},
		domain.CannotAsk:         {400, `{"status":-3,"message":"不能提问"}`, ""},
		domain.CannotFinish:      {400, `{"status":-4,"message":"不能结束订单"}`, ""},
		domain.CannotEvaluate:    {400, `{"status":-5,"message":"不能评价订单"}`, ""},
		domain.CannotDestroy:     {400, `{"status":-6,"message":"不能删除订单"}`, ""},
		domain.CannotRefund:      {400, `{"status":-7,"message":"不能退款"}`, ""},
		domain.CannotStop:        {400, `{"status":-10,"message":"不能停诊"}`, ""},
		domain.CannotAnswer:      {400, `{"status":-8,"message":"不能回答"}`, ""},
		domain.InsufficientFunds: {400, `{"status":-9,"message":"余额不足"}`, ""},
	}
	for _, code := range domain.Codes {
		w, known := want[code]
		if !known {
			// A code that this API's table leaves out is answered as a defect, so it must be given a reply.
			if status, body, _ := refuse(domain.Refuse(code, "why"), drf.En); status >= 500 {
				t.Errorf("%s: %d %s: not in the table", code, status, body)
			}
			continue
		}
		for lang, text := range map[drf.Lang]string{drf.En: w.en, drf.ZhHans: w.zh} {
			if text == "" {
				text = w.en // the document's texts have one language
			}
			for _, err := range []error{domain.RefuseField(code, "name", "why"), fmt.Errorf("wrapped: %w", domain.RefuseField(code, "name", "why"))} {
				if status, body, _ := refuse(err, lang); status != w.status || body != text {
					t.Errorf("%s in %s: %d %s, want %d %s", code, lang, status, body, w.status, text)
				}
			}
		}
	}
}

// TestNumbersAreOneEach: no two refusals share a number or a text.
func TestNumbersAreOneEach(t *testing.T) {
	t.Parallel()
	numbers, texts := map[int]bool{}, map[string]bool{}
	for code, n := range numberedFaults {
		if numbers[n.Status] || texts[n.Message] || n.Status >= 0 || !slices.Contains(domain.Codes, code) {
			t.Errorf("%s: %+v", code, n)
		}
		numbers[n.Status], texts[n.Message] = true, true
	}
}

// TestAClientThatHasGone is no failure of the server's; what is cancelled under a client that is there is one.
func TestAClientThatHasGone(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for ctx, want := range map[context.Context]int{gone: clientClosed, t.Context(): http.StatusInternalServerError} {
		var log strings.Builder
		ec := echo.New().NewContext(httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), httptest.NewRecorder())
		c := &call{api: &API{Logger: slog.New(slog.NewTextHandler(&log, nil))}, echo: ec}
		status, _ := c.refusal(fmt.Errorf("reading: %w", context.Canceled))
		if status != want || (log.Len() == 0) != (want == clientClosed) {
			t.Errorf("%d, want %d; the log: %s", status, want, &log)
		}
	}
}

// TestWhatMayPassIs503 and says when to come again; what will not is a 500 that gives nothing away.
func TestWhatMayPassIs503(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		projections.ErrLagging, projections.ErrUnavailable, decider.ErrContended, eventstore.ErrOverloaded,
		eventstore.ErrUnavailable, eventstore.ErrClosed, eventstore.ErrUnknownOutcome, context.DeadlineExceeded, gateways.ErrNoCharge,
	} {
		status, body, header := refuse(fmt.Errorf("reading secret things: %w", err), drf.En)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" || body != `{"detail":"Service temporarily unavailable, try again later."}` {
			t.Errorf("%v: %d %s %v", err, status, body, header)
		}
	}
	for _, err := range []error{errors.New("secret"), domain.Refuse(domain.Code(-1), "secret"), json.Unmarshal([]byte("secret"), new(int))} {
		if status, body, _ := refuse(err, drf.ZhHans); status != http.StatusInternalServerError || body != `{"detail":"服务器出现了错误。"}` {
			t.Errorf("%v: %d %s", err, status, body)
		}
	}
}
