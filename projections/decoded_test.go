package projections

import (
	"reflect"
	"testing"

	"orderengine/domain/qa"
	"orderengine/eventstore"
)

// TestDecodedEventsAreNotDecodedAgain, and fold to what the stored ones fold to.
func TestDecodedEventsAreNotDecodedAgain(t *testing.T) {
	placed := qa.OrderPlaced{Number: orderNumber(1), PK: 1, Patient: "patient1", Doctor: "doctor1", Type: qa.Online, Amount: 1500, At: t0}
	name, schema, data, err := qa.Codec.Encode(placed)
	if err != nil {
		t.Fatal(err)
	}
	metadata := eventstore.Metadata{Schema: schema, Occurred: t0}.Encode()
	fold := Fold[qa.Order, qa.Event]{Of: qa.Category, Codec: qa.Codec, Evolve: qa.Evolve}
	want := qa.Evolve(qa.Order{}, placed)
	for what, e := range map[string]eventstore.Event{
		"stored":                   {Type: name, Data: data, Metadata: metadata},
		"decoded":                  {Type: name, Data: []byte("not looked at"), Decoded: placed},
		"decoded by somebody else": {Type: name, Data: data, Metadata: metadata, Decoded: "another type"},
	} {
		got, _, err := fold.evolve(qa.Order{}, eventstore.Recorded{Event: e, Stream: qa.Category + "-" + placed.Number})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
}
