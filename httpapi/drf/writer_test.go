package drf

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWriterWritesAsMarshal writes values of every kind, and compares them with what Marshal makes of the same.
func TestWriterWritesAsMarshal(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*60*60)
	rapid.Check(t, func(r *rapid.T) {
		type inner struct {
			Text string   `json:"text"`
			List []string `json:"list"`
		}
		var want struct {
			Number int64   `json:"number"`
			Text   string  `json:"text"`
			Yes    bool    `json:"yes"`
			None   *string `json:"none"`
			Some   *string `json:"some"`
			Time   string  `json:"time"`
			Inner  inner   `json:"inner"`
			Raw    []int   `json:"raw"`
		}
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z"\\<>&\x00-\x20\x{2028}\x{2029}\x{FFFD}‐—头痛]*`),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		want.Number = rapid.Int64().Draw(r, "number")
		want.Text, want.Inner.Text = text.Draw(r, "text"), text.Draw(r, "inner text")
		want.Some = new(text.Draw(r, "some"))
		want.Yes = rapid.Bool().Draw(r, "yes")
		want.Inner.List = rapid.SliceOfN(text, 1, 5).Draw(r, "list")
		want.Raw = []int{1, 2}
		at := time.UnixMicro(rapid.Int64Range(0, math.MaxInt32*1e6).Draw(r, "at"))
		want.Time = Time(at, shanghai)

		w := NewWriter()
		defer w.Release()
		w.Begin('{')
		w.Name("number").Int(want.Number)
		w.Name("text").String(want.Text)
		w.Name("yes").Value(want.Yes)
		w.Name("none").StringOrNull(want.None)
		w.Name("some").StringOrNull(want.Some)
		w.Name("time").Time(at, shanghai)
		w.Name("inner").Begin('{')
		w.Name("text").String(want.Inner.Text)
		w.Name("list").Begin('[')
		for _, item := range want.Inner.List {
			w.Item().String(item)
		}
		w.End(']')
		w.End('}')
		w.Name("raw").Raw("[1,2]")
		w.End('}')

		marshalled, err := Marshal(want)
		if err != nil {
			r.Fatal(err)
		}
		if got, err := w.JSON(); err != nil || string(got) != string(marshalled) {
			r.Errorf("wrote %s, %v\nwant %s", got, err, marshalled)
		}
	})
}

func TestWriterWritesAnObjectsMembers(t *testing.T) {
	w := NewWriter()
	defer w.Release()
	w.Begin('{')
	w.Members(struct{}{})
	w.Members(struct {
		A int            `json:"a"`
		B map[string]int `json:"b"`
	}{1, map[string]int{}})
	w.Members(struct{}{})
	w.Name("c").Value([]string{})
	w.End('}')
	if got, err := w.JSON(); string(got) != `{"a":1,"b":{},"c":[]}` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestWriterKeepsTheFirstError(t *testing.T) {
	w := NewWriter()
	first := errors.New("first")
	w.Begin('[')
	w.Fail(first)
	w.Item().Value(math.NaN())
	w.End(']')
	if _, err := w.JSON(); !errors.Is(err, first) {
		t.Errorf("%v, want %v", err, first)
	}
	w.Release()
	again := NewWriter()
	defer again.Release()
	again.Value(math.NaN())
	if _, err := again.JSON(); err == nil || errors.Is(err, first) {
		t.Errorf("a value without JSON: %v", err)
	}
}

// TestReleasedBytesAreCleared: what a reply told of a patient is nowhere in the memory that waits for the next.
func TestReleasedBytesAreCleared(t *testing.T) {
	w := NewWriter()
	w.String("a cough")
	told, err := w.JSON()
	if err != nil {
		t.Fatal(err)
	}
	w.Release()
	if string(told) != string(make([]byte, len(`"a cough"`))) {
		t.Errorf("released with %q", told)
	}
}
