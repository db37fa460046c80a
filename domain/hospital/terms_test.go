package hospital

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"orderengine/domain"
	"orderengine/domain/card"
	"orderengine/domain/link"
	"orderengine/domain/payment"
	"orderengine/eventstore"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		name   string
		number string
		want   string
	}{
		{"a payment", Number(3, ForPayment, Outpatient, t0, 42), "3012202603010000042"},
		{"a full refund", Number(7, ForFullRefund, Deposit, t0, 9_999_999), "7053202603019999999"},
		{"a partial refund", Number(1, ForPartialRefund, Registration, t0, 1), number[:1] + "061202603010000001"},
		{"a refund after a stop", Number(1, ForStop, Registration, t0, 1), "1041202603010000001"},
		{"serials begin again", Number(1, ForPayment, Registration, t0, Serials+1), number},
		{"the last second of a day", Number(1, ForPayment, Registration, time.Date(2026, 3, 1, 15, 59, 59, 0, time.UTC), 1), number},
		{"the first second of the next", Number(1, ForPayment, Registration, time.Date(2026, 3, 1, 16, 0, 0, 0, time.UTC), 1), "1011202603020000001"},
	} {
		if c.number != c.want || !IsNumber(c.number) {
			t.Errorf("%s: %s, want %s", c.name, c.number, c.want)
		}
	}
	for _, text := range []string{"", number[1:], number + "0", number + "\n", "x" + number[1:], number[:18] + "٣"} {
		if IsNumber(text) {
			t.Errorf("%q is no number", text)
		}
	}
}

func TestForeignNumbersHaveNoSpace(t *testing.T) {
	for _, text := range []string{"R-1", "退费3", "C/1", "€😀", "٣"} {
		if !ForeignPattern.MatchString(text) {
			t.Errorf("%q is a number", text)
		}
	}
	for _, space := range " \t\n\r\v\f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u200b\u3000\ufeff\x00" {
		if text := "a" + string(space) + "b"; ForeignPattern.MatchString(text) {
			t.Errorf("%q is no number", text)
		}
	}
}

// TestTheLongestNumberFitsItsStreams, behind the longest code of a hospital.
func TestTheLongestNumberFitsItsStreams(t *testing.T) {
	code, number := strings.Repeat("H", 32), strings.Repeat("9", MaxForeignBytes)
	for _, name := range []string{
		link.HisOrderCategory + "-" + link.HisID(code, number), link.HisRefundCategory + "-" + link.HisID(code, number),
		card.Category + "-" + card.ID(code, card.MaxType, number),
	} {
		if len(name) > eventstore.MaxStreamName {
			t.Errorf("%.20s… has %d bytes, more than %d", name, len(name), eventstore.MaxStreamName)
		}
	}
}

// TestSameTerms changes each field of an order's terms: only our own number and the time make no difference.
func TestSameTerms(t *testing.T) {
	whole := reflect.TypeFor[Terms]()
	for i := range whole.NumField() {
		name, other := whole.Field(i).Name, terms(Registration, price)
		switch f := reflect.ValueOf(&other).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Int, reflect.Int64:
			f.SetInt(f.Int() + 1)
		default:
			f.Set(reflect.ValueOf(later))
		}
		want := name == "Number" || name == "At"
		if got := terms(Registration, price).Same(other); got != want || other.Same(terms(Registration, price)) != want {
			t.Errorf("another %s: same %v, want %v", name, got, want)
		}
	}
}

func TestTradeModesAreTheDocumentsNumbers(t *testing.T) {
	ways := []payment.Channel{payment.Balance, payment.UnionPay, payment.WX, payment.Alipay, payment.Insurance}
	if len(TradeModes) != len(ways) {
		t.Errorf("trade modes %v", TradeModes)
	}
	for i, channel := range ways {
		if mode := TradeMode(i + 1); mode.Channel() != channel || ModeOf(channel) != mode || TradeModes[i] != mode {
			t.Errorf("trade mode %d is %q; %q is trade mode %d", mode, mode.Channel(), channel, ModeOf(channel))
		}
	}
	if ModeOf("cash") != 0 || ModeOf("") != 0 || TradeMode(0).Channel() != "" || TradeMode(6).Channel() != "" {
		t.Error("there are ways to pay that the document does not know")
	}
}

func TestTradeModeIsKnownOncePaid(t *testing.T) {
	if mode := orderIn(t, Unpaid, Outpatient).TradeMode(); mode != 0 {
		t.Errorf("unpaid: %d", mode)
	}
	if mode := orderIn(t, Refunded, Outpatient).TradeMode(); mode != WeChat {
		t.Errorf("paid: %d", mode)
	}
	if mode := run(t, orderIn(t, Cancelled, Outpatient), pay).TradeMode(); mode != 0 {
		t.Errorf("money that did not pay the order: %d", mode)
	}
}

func TestTimesReadBackToTheSameText(t *testing.T) {
	got, ok := ParseTime("2016-08-27 00:00:01")
	if want := time.Date(2016, 8, 26, 16, 0, 1, 0, time.UTC); !ok || !got.Equal(want) {
		t.Errorf("%s, %v; want %s", got, ok, want)
	}
	day, ok := ParseDate("2024-02-29")
	if want := time.Date(2024, 2, 28, 16, 0, 0, 0, time.UTC); !ok || !day.Equal(want) {
		t.Errorf("%s, %v; want %s", day, ok, want)
	}
	for _, text := range []string{"", "2016-08-27", "2016-08-27 24:00:00", "2016-8-27 00:00:00", "2016-08-27 0:00:00", "2016-08-27 00:00:00.5",
		"2016-08-27 00:00:00,5", "2016-02-30 00:00:00", " 2016-08-27 00:00:00", "2016-08-27  00:00:00", "2016-08-27T00:00:00", "2016-08-27 00:00:00 ", "2016-08-27 23:59:60"} {
		if got, ok := ParseTime(text); ok {
			t.Errorf("%q is %s", text, got)
		}
	}
	for _, text := range []string{"", "2023-02-29", "2016-08", "2016-8-27", "20160827", "2016-08-27 00:00:00", "16-08-27"} {
		if got, ok := ParseDate(text); ok {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestPlausible(t *testing.T) {
	first, end := time.Date(2000, 1, 1, 0, 0, 0, 0, Zone), time.Date(2100, 1, 1, 0, 0, 0, 0, Zone)
	for at, want := range map[time.Time]bool{first: true, first.Add(-1): false, end: false, end.Add(-1): true, t0: true, {}: false} {
		if got := Plausible(at); got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}

func TestMonths(t *testing.T) {
	on := func(text string) time.Time {
		day, ok := ParseDate(text)
		if !ok {
			t.Fatal(text)
		}
		return day
	}
	for _, c := range []struct {
		from, to time.Time
		want     []string
	}{
		{on("2026-03-01"), on("2026-03-01"), []string{"2026-03"}},
		{on("2026-01-31"), on("2026-03-01"), []string{"2026-01", "2026-02", "2026-03"}},
		{on("2025-12-31"), on("2026-01-01"), []string{"2025-12", "2026-01"}},
		{on("2026-03-01").Add(-1), on("2026-03-01"), []string{"2026-02", "2026-03"}},
		{on("2026-03-01").Add(-1).UTC(), on("2026-03-01").UTC(), []string{"2026-02", "2026-03"}}, // the month is ours, whatever the clock's zone
		{on("2026-03-01"), on("2026-02-28"), nil},
		{on("1999-11-30"), on("2000-02-01"), []string{"2000-01", "2000-02"}},
		{on("2099-12-01"), on("2105-02-01"), []string{"2099-12"}},
		{on("1990-01-01"), on("1999-12-31"), nil},
		{on("2100-01-01"), on("2101-01-01"), nil},
		{time.Time{}, time.Time{}, nil},
	} {
		if got := Months(c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("from %s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	if n := len(Months(time.Time{}, on("9999-12-31"))); n != 1200 {
		t.Errorf("all of time has %d months, want 1200", n)
	}
}

func TestLeftOfWhatWasNeverPaid(t *testing.T) {
	for _, s := range []Status{Unpaid, Cancelled} {
		if left := orderIn(t, s, Outpatient).Left(); left != domain.Fen(0) {
			t.Errorf("%s: %d", s, left)
		}
	}
}
