package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestPositionsHaveOneTextForm(t *testing.T) {
	for p, want := range map[Position]string{
		{}: "0", {7, 7}: "7", {7, 3}: "7-3", {0, 1}: "0-1", {1, 0}: "1-0",
		{math.MaxUint64, math.MaxUint64}: "18446744073709551615", {math.MaxUint64, 0}: "18446744073709551615-0",
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v is %q, want %q", p, got, want)
		}
		if got, err := ParsePosition(want); got != p || err != nil {
			t.Errorf("%q parses to %+v, %v; want %+v", want, got, err, p)
		}
	}
}

func TestWhatIsNoPosition(t *testing.T) {
	for _, s := range []string{"", "-", "7-", "-7", "+7", " 7", "7 ", "7-3-1", "7--3", "a", "0x7", "1_0", "7,3", "18446744073709551616", "1-18446744073709551616", "٧"} {
		if p, err := ParsePosition(s); err == nil || p != (Position{}) {
			t.Errorf("%q parses to %+v, %v; want an error", s, p, err)
		} else if !strings.Contains(err.Error(), fmt.Sprintf("%q", s)) {
			t.Errorf("the error of %q does not name it: %v", s, err)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"0", "7", "7-3", "7-7", "007-3", "-", "7-", "18446744073709551616"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePosition(s)
		if err != nil {
			return
		}
		if again, err := ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, whose form %q parses to %+v, %v", s, p, p, again, err)
		}
	})
}

func TestPositionsAreOrdered(t *testing.T) {
	rising := []Position{{}, {0, 1}, {1, 0}, {1, 1}, {1, math.MaxUint64}, {2, 0}, {math.MaxUint64, 0}, {math.MaxUint64, math.MaxUint64}}
	for i, p := range rising {
		for j, q := range rising {
			if got := p.Before(q); got != (i < j) {
				t.Errorf("%v before %v: %v", p, q, got)
			}
			if c := p.Compare(q); (c < 0) != (i < j) || (c > 0) != (i > j) || c != -q.Compare(p) {
				t.Errorf("%v compared with %v: %d", p, q, c)
			}
		}
	}
}

func TestCategory(t *testing.T) {
	for stream, want := range map[string]string{"qaorder-123": "qaorder", "user-a-b": "user", "plain": "plain", "-x": "", "": ""} {
		if got := Category(stream); got != want {
			t.Errorf("category of %q is %q, want %q", stream, got, want)
		}
	}
}

func TestCheckAppend(t *testing.T) {
	some := func(n int, e Event) []Event {
		events := make([]Event, n)
		for i := range events {
			events[i] = e
			events[i].ID = uuid.New()
		}
		return events
	}
	twice := some(2, Event{Type: "Happened"})
	twice[1].ID = twice[0].ID
	plain := Event{Type: "Happened"}
	sized := func(data, meta int) []Event {
		return []Event{{ID: uuid.New(), Type: "A", Data: make([]byte, data)}, {ID: uuid.New(), Type: "B", Metadata: make([]byte, meta)}}
	}
	for _, c := range []struct {
		name     string
		stream   string
		expected Revision
		events   []Event
		says     string // "" if it can be taken
	}{
		{"plain", "a-1", NoStream, some(1, plain), ""},
		{"revision", "a-1", math.MaxInt64 - MaxEvents, some(1, plain), ""},
		{"revision that cannot rise", "a-1", math.MaxInt64, some(1, plain), "revision 9223372036854775807"},
		{"bad revision", "a-1", -2, some(1, plain), "revision -2"},
		{"no id", "a-1", NoStream, []Event{plain}, "event id 00000000"},
		{"an id twice", "a-1", NoStream, twice, "event id " + twice[0].ID.String()},
		{"no name", "", NoStream, some(1, plain), "stream name"},
		{"longest name", strings.Repeat("a", 255), NoStream, some(1, plain), ""},
		{"name too long", strings.Repeat("a", 256), NoStream, some(1, plain), "stream name"},
		{"name too long in bytes", strings.Repeat("字", 86), NoStream, some(1, plain), "stream name"},
		{"name no text", "a-\xff", NoStream, some(1, plain), "stream name"},
		{"the store's name", "$all", NoStream, some(1, plain), "belong to the store"},
		{"dollar elsewhere", "a$", NoStream, some(1, plain), ""},
		{"no events", "a-1", NoStream, nil, "0 events"},
		{"most events", "a-1", NoStream, some(MaxEvents, plain), ""},
		{"too many events", "a-1", NoStream, some(MaxEvents+1, plain), "1001 events"},
		{"no type", "a-1", NoStream, some(1, Event{}), "event type"},
		{"no type later on", "a-1", NoStream, append(some(1, plain), some(1, Event{})...), "event type"},
		{"longest type", "a-1", NoStream, some(1, Event{Type: strings.Repeat("a", 255)}), ""},
		{"type too long", "a-1", NoStream, some(1, Event{Type: strings.Repeat("a", 256)}), "event type"},
		{"type no text", "a-1", NoStream, some(1, Event{Type: "\xc3("}), "event type"},
		{"most bytes", "a-1", NoStream, sized(MaxAppend-10, 10), ""},
		{"too many bytes", "a-1", NoStream, sized(MaxAppend-10, 11), "921601 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckAppend(c.stream, c.expected, c.events)
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v, want one with %q", err, c.says)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestConflictErrorNamesStreamAndRevisions(t *testing.T) {
	err := &ConflictError{Stream: "a-1", Expected: 3, Actual: 5}
	if want := "stream a-1 is at revision 5, not at the expected 3"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

// TestEventIDs pins what makes a repeated append recognisable.
func TestEventIDs(t *testing.T) {
	command := uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11")
	if got, want := EventID(command, 0).String(), "9b022557-972d-5ed7-a2fd-7e617120d979"; got != want {
		t.Errorf("event 0 is %s, want %s", got, want)
	}
	seen := map[uuid.UUID]bool{}
	for n := range MaxEvents {
		for _, c := range []uuid.UUID{command, EventID(command, 0)} {
			id := EventID(c, n)
			if want := uuid.NewSHA1(c, []byte{byte(n >> 8), byte(n)}); id != want {
				t.Fatalf("event %d of %s is %s, want %s", n, c, id, want)
			}
			if seen[id] {
				t.Fatalf("event %d of %s has the id of another", n, c)
			}
			seen[id] = true
		}
	}
}

func drawMetadata(t *rapid.T) Metadata {
	text := rapid.String()
	return Metadata{
		Schema:   rapid.OneOf(rapid.IntRange(-1, 12), rapid.IntRange(990, 11000)).Draw(t, "schema"),
		Occurred: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999999).Draw(t, "micros")*1000).UTC(),
		Actor:    text.Draw(t, "actor"), Correlation: text.Draw(t, "correlation"), Causation: text.Draw(t, "causation"),
		Command: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "command")),
	}
}

func TestMetadataComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMetadata(t)
		got, err := DecodeMetadata(m.Encode())
		if err != nil || got != m {
			t.Fatalf("%+v comes back as %+v, %v", m, got, err)
		}
		if schema, err := SchemaOf(m.Encode()); schema != m.Schema || err != nil {
			t.Fatalf("schema %d, %v; want %d", schema, err, m.Schema)
		}
	})
}

// TestMetadataIsReadAsJSONIs: a changed byte makes of the stored form what it makes of any JSON.
func TestMetadataIsReadAsJSONIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawMetadata(t).Encode()
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		data[at] = rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte(`0+-"\{},:`))).Draw(t, "byte")
		var want Metadata
		wrong := json.Unmarshal(data, &want)
		got, err := DecodeMetadata(data)
		if (err == nil) != (wrong == nil) || err == nil && got != want {
			t.Fatalf("%s is read as %+v, %v; JSON reads %+v, %v", data, got, err, want, wrong)
		}
	})
}

func TestMetadataBytes(t *testing.T) {
	m := Metadata{Schema: 2, Occurred: time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC), Actor: "patient1", Correlation: "c", Command: uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11")}
	const want = `{"schema":2,"occurred":"2024-02-29T01:02:03.000004Z","actor":"patient1","correlation":"c","command":"6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11"}`
	if got := string(m.Encode()); got != want {
		t.Errorf("stored form\n%s, want\n%s", got, want)
	}
}

// TestSchemaOfAgreesWithDecodeMetadata on what other hands write: other orders, spaces, further keys.
func TestSchemaOfAgreesWithDecodeMetadata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(drawMetadata(t).Encode(), &fields); err != nil {
			t.Fatal(err)
		}
		fields["$correlationId"] = json.RawMessage(`"x"`)
		for _, key := range []string{"schema", "actor", "occurred", "command"} {
			if rapid.Bool().Draw(t, "without "+key) {
				delete(fields, key)
			}
		}
		var parts []string
		for key, value := range fields {
			parts = append(parts, fmt.Sprintf("%q:%s", key, value))
		}
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		space := rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "space")
		sameSchema(t, []byte("{"+strings.Join(parts, ","+space)+space+"}"))
	})
}

func sameSchema(t interface{ Fatalf(string, ...any) }, data []byte) {
	m, errDecode := DecodeMetadata(data)
	schema, err := SchemaOf(data)
	if (err == nil) != (errDecode == nil) || schema != m.Schema {
		t.Fatalf("%s: schema %d, %v; decoded %d, %v", data, schema, err, m.Schema, errDecode)
	}
}

func TestSchemaOfDamagedMetadata(t *testing.T) {
	for _, s := range []string{"", "{", "{}", "null", "[]", `{"schema":`, `{"schema":1`, `{"schema":12`, `{"schema":1}`, `{"schema":"1"}`, `{"schema":x`,
		`{"schema":-1,"actor":"a"}`, `{"schema":1.5,"actor":"a"}`, `{"schema":99999999999999999999,"actor":"a"}`, `{"schema": 3,"actor":"a"}`,
		`{"schema":0,"actor":"a"}`, `{"schema":,"actor":"a"}`, `{"actor":"{\"schema\":7,"}`, `{"schema":1000,"actor":"a"}`, `{"schema":10000,"actor":"a"}`} {
		t.Run(s, func(t *testing.T) { sameSchema(t, []byte(s)) })
	}
}

// FuzzSchemaOf: the metadata may be another program's, so nothing in it may end ours.
func FuzzSchemaOf(f *testing.F) {
	f.Add(Metadata{Schema: 1}.Encode())
	f.Add([]byte(`{"schema":`))
	f.Add([]byte(`{"schema":9999`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeMetadata(data)
		schema, _ := SchemaOf(data)
		if err == nil && schema != m.Schema && strings.Count(strings.ToLower(string(data)), "schema") == 1 && !strings.ContainsAny(string(data), "\\ſ") {
			t.Errorf("%s: schema %d, decoded %d", data, schema, m.Schema)
		}
	})
}

// TestMetadataEncodesAsJSONDoes holds the hand-written encoder to encoding/json.
func TestMetadataEncodesAsJSONDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Metadata{
			Schema:   rapid.IntRange(-5, 1000).Draw(t, "schema"),
			Occurred: time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
			Actor:    rapid.String().Draw(t, "actor"), Correlation: rapid.String().Draw(t, "correlation"),
			Causation: rapid.String().Draw(t, "causation"), Command: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "command")),
		}
		want, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Encode(); string(got) != string(want) {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}
