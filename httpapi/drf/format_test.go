package drf

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMarshal(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{map[string]any{"b": 1, "a": []int{}}, `{"a":[],"b":1}`},
		{"<a href='x'>&</a> 阳光医院", `"<a href='x'>&</a> 阳光医院"`},
		{"line\u2028 paragraph\u2029", `"line\u2028 paragraph\u2029"`},
		{"\b\f\n\r\t\x00\x1f\x7f\"\\", `"\b\f\n\r\t\u0000\u001f` + "\x7f" + `\"\\"`},
		{nil, `null`},
		{json.Number("1.50"), `1.50`},
		{NewMetadata("Order Create", ""), `{"name":"Order Create","description":"","renders":["application/json"],` +
			`"parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"]}`},
	} {
		got, err := Marshal(tt.value)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s (%v), want %s", got, err, tt.want)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	if b, err := Marshal(math.NaN()); err == nil {
		t.Errorf("NaN became %s", b)
	}
	if b, err := Marshal("still works"); err != nil || string(b) != `"still works"` {
		t.Errorf("after an error: %s, %v", b, err)
	}
}

func TestMarshalGivesItsBytesAway(t *testing.T) {
	large := strings.Repeat("x", maxPooled)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			word := strings.Repeat(string(rune('a'+i)), 100)
			first, _ := Marshal(word)
			for range 100 {
				if _, err := Marshal(large[:i*1000]); err != nil {
					t.Error(err)
				}
			}
			if string(first) != `"`+word+`"` {
				t.Errorf("bytes changed after they were given away: %s", first)
			}
		})
	}
	wg.Wait()
	if b, err := Marshal(large); err != nil || len(b) != maxPooled+2 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestTime(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2017, 3, 23, 2, 11, 26, 514808000, time.UTC), "2017-03-23T10:11:26.514808"},
		{time.Date(2017, 3, 23, 2, 11, 26, 514808999, time.UTC), "2017-03-23T10:11:26.514808"},
		{time.Date(2017, 3, 23, 2, 11, 26, 500000000, time.UTC), "2017-03-23T10:11:26.500000"},
		{time.Date(2017, 3, 23, 2, 11, 26, 1000, time.UTC), "2017-03-23T10:11:26.000001"},
		{time.Date(2017, 3, 23, 2, 11, 26, 999, time.UTC), "2017-03-23T10:11:26"},
		{time.Date(2017, 3, 23, 20, 0, 0, 0, time.UTC), "2017-03-24T04:00:00"},
	} {
		if got := Time(tt.at, shanghai); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// TestTimeIsFormat compares it with the layouts that it stands for, over the years that Python's datetime has.
func TestTimeIsFormat(t *testing.T) {
	first, last := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(r *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(first.UnixMicro(), last.UnixMicro()).Draw(r, "at"))
		loc := time.FixedZone("", rapid.IntRange(-12*3600, 14*3600).Draw(r, "offset"))
		layout := "2006-01-02T15:04:05.000000"
		if at.Nanosecond() == 0 {
			layout = "2006-01-02T15:04:05"
		}
		if got, want := Time(at, loc), at.In(loc).Format(layout); got != want {
			r.Errorf("%s, want %s", got, want)
		}
	})
}

func TestYuan(t *testing.T) {
	for fen, want := range map[int64]string{
		0: "0.00", 1: "0.01", 99: "0.99", 100: "1.00", 1500: "15.00", 100000: "1000.00", -5: "-0.05", -1950: "-19.50",
		math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08",
	} {
		if got := Yuan(fen); got != want {
			t.Errorf("Yuan(%d) = %s, want %s", fen, got, want)
		}
	}
}

func TestAllow(t *testing.T) {
	for want, methods := range map[string][]string{
		"GET, HEAD, OPTIONS":                           {"GET"},
		"POST, OPTIONS":                                {"POST"},
		"GET, DELETE, HEAD, OPTIONS":                   {"DELETE", "GET"},
		"GET, PUT, HEAD, OPTIONS":                      {"PUT", "GET", "OPTIONS", "HEAD"},
		"GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS": {"DELETE", "PATCH", "PUT", "POST", "GET"},
	} {
		if got := Allow(methods...); got != want {
			t.Errorf("Allow(%v) = %q, want %q", methods, got, want)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	type user struct {
		Owner          string `json:"owner"`
		InvitationCode string `json:"invitation_code"`
		Name           string `json:"name"`
		Avatar         string `json:"avatar"`
	}
	order := struct {
		PK      int    `json:"pk"`
		Patient user   `json:"patient"`
		Doctor  user   `json:"doctor"`
		Number  string `json:"order_number"`
		Amount  string `json:"amount"`
		Status  string `json:"status_display"`
		Created string `json:"create_time"`
	}{18, user{"patient1", "123", "patient", "http://123.jpg"}, user{Owner: "doctor2", Name: "doctor"},
		"12257268251845025696240003", "19.00", "待支付", "2017-03-23T10:11:26.514808"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(order); err != nil {
			b.Fatal(err)
		}
	}
}
