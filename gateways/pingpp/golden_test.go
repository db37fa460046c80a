package pingpp_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"orderengine/domain"
	"orderengine/domain/payment"
	"orderengine/gateways/pingpp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed:\n%s\nit was:\n%s", name, got, want)
	}
}

// recorder writes requests down as they came, the signature checked and left out.
type recorder struct {
	t  *testing.T
	mu sync.Mutex
	bytes.Buffer
}

func (rec *recorder) handle(w http.ResponseWriter, r *http.Request) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rec.t.Error(err)
	}
	signed := string(body) + r.RequestURI + r.Header.Get("Pingplusplus-Request-Timestamp")
	if err := pingpp.Verify(&merchantKey().PublicKey, r.Header.Get("Pingplusplus-Signature"), []byte(signed)); err != nil {
		rec.t.Errorf("%s %s: %v", r.Method, r.RequestURI, err)
	}
	r.Header.Del("Pingplusplus-Signature")
	fmt.Fprintf(rec, "%s %s %s\n", r.Method, r.RequestURI, r.Proto)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(rec, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	fmt.Fprintf(rec, "\n%s\n---\n", body)
	switch {
	case r.Method == http.MethodGet:
		always(http.StatusOK, emptyList)(w, r)
	case strings.HasSuffix(r.URL.Path, "/refunds"):
		always(http.StatusOK, refundReply)(w, r)
	default:
		always(http.StatusOK, chargeReply)(w, r)
	}
}

// chargeReply is the document's sample, its credential shortened; the platform may say more.
const chargeReply = `{"order_no":"12257268238541425696240003","extra":{},"app":"app_HOafLKjbnLm1jXrP","livemode":true,"currency":"cny",` +
	`"time_settle":null,"time_expire":1490340878,"id":"ch_TabDi9v1u9G0fjnLiPq5OmDS","subject":"肺轻松#1225726823854142569624","failure_msg":null,` +
	`"channel":"alipay","metadata":{"owner":"patient1","order_number":"12257268238541425696240003"},"body":"肺轻松#12257268238541425696240003",` +
	`"credential":{"alipay":{"orderInfo":"partner=\"2088\"&a=<b>"},"object":"credential"},"client_ip":"127.0.0.1","description":null,` +
	`"amount_refunded":0,"refunded":false,"object":"charge","paid":false,"amount_settle":1500,"time_paid":null,"failure_code":null,` +
	`"refunds":{"url":"/v1/charges/ch_TabDi9v1u9G0fjnLiPq5OmDS/refunds","has_more":false,"object":"list","data":[]},` +
	`"created":1490254478,"transaction_no":null,"amount":1500}`

// refundReply has the platform's own order_no and our number in the metadata.
const refundReply = `{"id":"re_y1u944PmfnrTHyvnL0nD0iD1","object":"refund","order_no":"y1u944PmfnrTHyvnL0nD0iD1","amount":500,"created":1490260000,` +
	`"succeed":false,"status":"pending","time_succeed":null,"description":"d","failure_code":null,"failure_msg":null,` +
	`"metadata":{"refund_no":"12257268238541425696240003R1","order_number":"12257268238541425696240003"},` +
	`"charge":"ch_TabDi9v1u9G0fjnLiPq5OmDS","charge_order_no":"12257268238541425696240003","transaction_no":null,"funding_source":null,"extra":{}}`

func TestRequestsAreGolden(t *testing.T) {
	rec := &recorder{t: t}
	client := clientOf(t, rec.handle)
	for _, c := range calls {
		if err := c.do(t.Context(), client); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		golden(t, c.name+".txt", rec.String())
		rec.Reset()
	}
}

func TestChargeIsTheDocuments(t *testing.T) {
	charge, err := clientOf(t, always(http.StatusOK, chargeReply)).CreateCharge(t.Context(), aCharge())
	if err != nil {
		t.Fatal(err)
	}
	got, err := domain.JSON(charge)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != chargeReply {
		t.Errorf("the charge is\n%s\nthe document's is\n%s", got, chargeReply)
	}
}

func TestNoRefundsAreAnEmptyList(t *testing.T) {
	reply := strings.Replace(chargeReply, `"data":[]`, `"data":null`, 1)
	charge, err := clientOf(t, always(http.StatusOK, reply)).CreateCharge(t.Context(), aCharge())
	if err != nil || charge.Refunds.Data == nil {
		t.Fatal(err, charge.Refunds)
	}
}

func TestRefundHasOurNumber(t *testing.T) {
	refund, err := clientOf(t, post(always(http.StatusOK, refundReply))).CreateRefund(t.Context(), aRefund())
	if err != nil {
		t.Fatal(err)
	}
	if refund.OrderNo != refundNo || refund.ID != refundID || refund.Status != payment.Pending {
		t.Errorf("%+v", refund)
	}
}

func TestDecodeRefund(t *testing.T) {
	for _, metadata := range []string{`{}`, `null`, `[]`, `"text"`, `{"refund_no":7}`, `{"refund_no":""}`} {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(refundReply), &fields); err != nil {
			t.Fatal(err)
		}
		fields["metadata"] = json.RawMessage(metadata)
		data, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		refund, err := pingpp.DecodeRefund(data)
		if err != nil || refund.OrderNo != "y1u944PmfnrTHyvnL0nD0iD1" {
			t.Errorf("%s: %v, %q", metadata, err, refund.OrderNo)
		}
	}
	for _, data := range []string{``, `null`, `{}`, chargeReply, strings.Replace(refundReply, "pending", "thinking", 1)} {
		if refund, err := pingpp.DecodeRefund([]byte(data)); err == nil || refund.ID != "" {
			t.Errorf("%.60s is a refund: %+v", data, refund)
		}
	}
}
