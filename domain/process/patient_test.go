package process

import (
	"slices"
	"testing"

	"orderengine/domain/account"
)

func TestPatient(t *testing.T) {
	until := at.AddDate(15, 0, 0)
	for standing, want := range map[account.Standing][]Todo{
		account.Kept:       nil,
		account.Restricted: {{Kind: Erase, Stream: "user-p1", Due: until}},
		account.Erased:     {{Kind: Shred, Stream: "user-p1", Due: at.Add(grace), Graced: true}},
		account.Shredded:   nil,
	} {
		got := Patient("p1", account.Privacy{Key: "k", Standing: standing, At: at, Until: until}, Periods{Grace: grace})
		if !slices.Equal(got, want) {
			t.Errorf("%q: %+v, want %+v", standing, got, want)
		}
	}
}
