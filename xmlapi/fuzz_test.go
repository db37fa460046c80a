package xmlapi_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"golang.org/x/text/encoding/simplifiedchinese"

	"orderengine/domain"
	"orderengine/domain/card"
	"orderengine/domain/hospital"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/domain/message"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/stoplist"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/eventstore/sequence"
	"orderengine/gateways"
	"orderengine/gateways/sandbox"
	"orderengine/projections"
	"orderengine/xmlapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func model[S, C, E any](category string, codec *domain.Codec[E], decide func(S, C) ([]E, error), evolve func(S, E) S) decider.Model[S, C, E] {
	return decider.Model[S, C, E]{Category: category, Decide: decide, Evolve: evolve, Encode: codec.Encode, Decode: codec.Decode}
}

const code, secret = "H001", "a secret of the hospital"

// world is the interface on a log in memory, with one hospital.
type world struct {
	api    *xmlapi.API
	store  *memory.Store
	orders int
}

func newWorld() (_ *world, closes func()) {
	store, views := memory.New(), newViews()
	quiet := slog.New(slog.DiscardHandler)
	periods := process.Defaults
	follower := projections.NewFollower(store, views, projections.All(periods), quiet, time.Now)
	links := func(category string) *xmlapi.Links {
		return decider.New(store, model(category, link.Codec, link.Decide, link.Evolve), decider.Options{})
	}
	orders := decider.New(store, model(hospital.Category, hospital.Codec, hospital.Decide, hospital.Evolve), decider.Options{})
	refusals := gateways.NewRefusals(store, decider.Options{}, quiet)
	api := &xmlapi.API{
		Orders:    orders,
		Hospitals: decider.New(store, model(institution.Category, institution.Codec, institution.Decide, institution.Evolve), decider.Options{}),
		Cards:     decider.New(store, model(card.Category, card.Codec, card.Decide, card.Evolve), decider.Options{}),
		Messages:  decider.New(store, model(message.Category, message.Codec, message.Decide, message.Evolve), decider.Options{}),
		StopLists: decider.New(store, model(stoplist.Category, stoplist.Codec, stoplist.Decide, stoplist.Evolve), decider.Options{}),
		Secrets:   links(link.SecretCategory), HisRefunds: links(link.HisRefundCategory),
		Payments: gateways.Payments{Books: gateways.Books{gateways.Hospital(orders, refusals)}, Platform: sandbox.Platform{Now: time.Now}, Periods: periods, Now: time.Now},
		Serials:  sequence.New(store, "hospitalorder", time.Now), Views: projections.Gate{Views: views, Follower: follower}, Await: follower.Await, Head: store.Head,
		Refusals: refusals,
		Now:      time.Now, Logger: quiet, Calls: xmlapi.NewCalls(prometheus.NewRegistry()),
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = follower.Run(ctx) }()
	hash := institution.HashSecret(secret)
	_, err := api.Secrets.Execute(ctx, hash, call(), link.Command{To: code})
	must(err)
	for _, c := range []institution.Command{institution.Register{Code: code, Name: "阳光医院"}, institution.SetSecret{Hash: hash}} {
		_, err := api.Hospitals.Execute(ctx, code, call(), c)
		must(err)
	}
	return &world{api: api, store: store}, func() { stop(); <-ended }
}

func call() decider.Call { return decider.Call{ID: uuid.New(), At: time.Now()} }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// paid is a new order of 600 fen that was paid through wx.
func (w *world) paid() string {
	w.orders++
	at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	number := hospital.Number(1, hospital.ForPayment, hospital.Outpatient, at, int64(w.orders))
	terms := hospital.Terms{Number: number, Hospital: code, Kind: hospital.Outpatient, Amount: 600, HisOrderNo: fmt.Sprint("HIS-", w.orders), Platform: 1, At: at}
	receipt := payment.Receipt{Channel: payment.WX, Ref: "ch_1", TransactionNo: "wx1", Amount: 600, At: at}
	_, err := w.api.Orders.Execute(context.Background(), number, call(), hospital.Import{Terms: terms, Receipt: receipt})
	must(err)
	return number
}

// reply is a bare reply, as a hospital's system would read it.
type reply struct {
	Code  string `xml:"resultCode"`
	Desc  string `xml:"resultDesc"`
	First struct {
		RefundOrderNo string `xml:"refundOrderNo"`
		Items         []item `xml:"item"`
	} `xml:"result"`
}

type item struct {
	Order  string `xml:"orderNo"`
	Type   string `xml:"eventType"`
	Refund string `xml:"refundOrderNo"`
	HisNo  string `xml:"hisRefundOrderNo"`
	Reason string `xml:"refundReason"`
	Amount string `xml:"refundTotalFee"`
}

func (w *world) post(t testing.TB, method, params string, gbk bool) reply {
	t.Helper()
	body, contentType := "<arg0><responseType>0</responseType><methodCode>"+method+"</methodCode><methodParams><secret>"+secret+"</secret>"+params+"</methodParams></arg0>", "text/xml"
	if gbk {
		encoded, err := simplifiedchinese.GB18030.NewEncoder().String(body)
		must(err)
		body, contentType = encoded, "text/xml; charset=GB18030"
	}
	r := httptest.NewRequest(http.MethodPost, xmlapi.Path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r)
	text := recorder.Body.String()
	if gbk {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().String(text)
		must(err)
		text = strings.Replace(decoded, `encoding="GB18030"`, `encoding="UTF-8"`, 1)
	}
	var got reply
	if err := xml.Unmarshal([]byte(text), &got); err != nil || recorder.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", recorder.Code, text, err)
	}
	return got
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}

// FuzzRefundThroughTheLog: what a hospital says of a refund stands in the event as it was said, and comes back to the
// hospital the same; or it is refused, and nothing was written.
func FuzzRefundThroughTheLog(f *testing.F) {
	for _, seed := range []struct {
		hisNo, reason string
		gbk           bool
	}{{"R-1", "检查取消", false}, {"R/2", "a&b<c>\"d'", true}, {"退费3", "\u20ac €\t x", true}, {" R4 ", "]]>", false}, {"R\u00a05", "", false}, {"", "x", true}} {
		f.Add(seed.hisNo, seed.reason, seed.gbk)
	}
	w, closes := newWorld()
	defer func() { closes() }()
	f.Fuzz(func(t *testing.T, hisNo, reason string, gbk bool) {
		if !utf8.ValidString(hisNo) || !utf8.ValidString(reason) {
			return
		}
		if w.orders > 200 { // all of it is in memory
			closes()
			w, closes = newWorld()
		}
		number := w.paid()
		before, err := w.store.Head(t.Context())
		must(err)
		params := "<refundType>2</refundType><orderNo>" + number + "</orderNo><hisRefundOrderNo>" + escaped(hisNo) + "</hisRefundOrderNo>" +
			"<refundAmout>200</refundAmout><refundTime>2024-03-01 17:00:00</refundTime><refundReason>" + escaped(reason) + "</refundReason>" +
			"<partialOrAllrefund>2</partialOrAllrefund>"
		got := w.post(t, "refundGeneral", params, gbk)
		order, err := w.api.Orders.Load(t.Context(), number)
		must(err)
		if got.Code != "0" {
			if after, err := w.store.Head(t.Context()); err != nil || after != before || got.Code != "2" || got.Desc == "" || len(order.State.RefundOrders) != 0 {
				t.Fatalf("%+v, log from %s to %s, %v", got, before, after, err)
			}
			return
		}
		r := order.State.RefundOrders[0]
		if r.HisNo == "" || r.Reason == "" || r.Amount != 200 || got.First.RefundOrderNo != r.No {
			t.Fatalf("refund %+v, reply %+v", r, got)
		}
		events := w.post(t, "eventsReplay", fmt.Sprintf("<position>%s</position>", before), gbk).First.Items
		want := item{Order: number, Type: "RefundOrdered", Refund: r.No, HisNo: r.HisNo, Reason: strings.ReplaceAll(r.Reason, "\t", " "), Amount: "200"}
		if len(events) == 0 || events[0] != want {
			t.Fatalf("events %+v, want %+v", events, want)
		}
		if r.HisNo != visible(hisNo) || r.Reason != visible(reason) {
			t.Fatalf("the event has %q and %q of %q and %q", r.HisNo, r.Reason, hisNo, reason)
		}
	})
}

// visible is a text as XML carries it: characters that it has no form for are replaced by EscapeText, line ends are
// one, and space around it is not part of a value.
func visible(text string) string {
	var back string
	if err := xml.Unmarshal([]byte("<a>"+escaped(text)+"</a>"), &back); err != nil {
		panic(err)
	}
	return strings.TrimSpace(back)
}
