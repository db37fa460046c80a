package payment

import (
	"testing"
	"time"
)

func TestChargeIsLiveUntilItsSecond(t *testing.T) {
	expire := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	c := Charge{TimeExpire: expire.Unix()}
	for offset, want := range map[time.Duration]bool{-time.Hour: true, -1: true, 0: false, time.Nanosecond: false, time.Hour: false} {
		if got := c.LiveAt(expire.Add(offset)); got != want {
			t.Errorf("%s from its end: %v, want %v", offset, got, want)
		}
	}
}
