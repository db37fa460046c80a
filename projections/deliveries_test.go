package projections

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"orderengine/domain/delivery"
	"orderengine/domain/institution"
	"orderengine/eventstore/memory"
)

func TestWebhooksAreListed(t *testing.T) {
	t.Parallel()
	store := memory.New()
	var want []string
	for n := range 2*webhooksPage + 1 {
		code := fmt.Sprintf("H%05d", n)
		events := []institution.Event{institution.HospitalRegistered{Code: code, Name: "n", At: t0}}
		if n%500 != 7 {
			events = append(events, institution.WebhookSet{Webhook: institution.Webhook{URL: "http://his.example/", Secret: []byte("sealed")}, At: t0})
		}
		if n%500 == 9 {
			events = append(events, institution.WebhookSet{At: t0})
		}
		if n%500 != 7 && n%500 != 9 {
			want = append(want, code)
		}
		record(t, store, institution.Codec, institution.Category+"-"+code, events...)
	}
	views := built(t, store)
	got, err := Hospitals{views}.Webhooks(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d webhooks, want %d: %v", len(got), len(want), err)
	}
	if strings.Contains(views.dump(), "c2VhbGVk") { // base64 of the secret
		t.Error("the views hold a secret")
	}
}

func TestALedgerIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	store := memory.New()
	batch := delivery.Batch{After: "7", Through: "12", Count: 3}
	events := []delivery.Event{
		delivery.BatchSent{Batch: batch, Sender: delivery.Sender{Server: "s", Run: "r"}, At: t0},
		delivery.DeliveryFailed{Batch: batch, Failures: 2, Why: "it answered 500", At: t0},
		delivery.BatchDelivered{Batch: batch, Tries: 3, At: t0},
		delivery.RedeliveryRequested{After: "3", By: "admin", At: t0},
	}
	record(t, store, delivery.Codec, delivery.Category+"-H1", events...)
	record(t, store, delivery.Codec, delivery.Category+"-H11", events[3])
	q := Hospitals{built(t, store)}
	want := []DeliveryEntry{
		{Event: "RedeliveryRequested", After: "3", By: "admin", At: t0},
		{Event: "BatchDelivered", After: "7", Through: "12", Count: 3, Tries: 3, At: t0},
		{Event: "DeliveryFailed", After: "7", Through: "12", Count: 3, Tries: 2, Why: "it answered 500", At: t0},
		{Event: "BatchSent", After: "7", Through: "12", Count: 3, By: "s", At: t0},
	}
	for i, e := range recorded(t, store, delivery.Category+"-H1") {
		want[len(want)-1-i].Position = e.Position.String()
	}
	for offset := range 5 {
		got, total, err := q.Deliveries(t.Context(), "H1", Window{Offset: offset, Limit: 2})
		if page := want[offset:min(offset+2, 4)]; err != nil || total != 4 || !reflect.DeepEqual(append([]DeliveryEntry{}, got...), append([]DeliveryEntry{}, page...)) {
			t.Errorf("from %d: %+v of %d, %v", offset, got, total, err)
		}
	}
}
