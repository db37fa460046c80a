package domain_test

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"orderengine/domain"
)

func TestIsDigitsIsAsTheRegularExpression(t *testing.T) {
	pattern := regexp.MustCompile(`^[0-9]{3}$`)
	texts := rapid.OneOf(rapid.StringMatching(`[0-9]{2,4}`), rapid.StringMatching(`[0-9/:a\n]{3}`),
		rapid.StringN(0, 4, -1), rapid.SampledFrom([]string{"", "123", "12٣", "123\n", "-12", " 12"}))
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		if got, want := domain.IsDigits(text, 3), pattern.MatchString(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	})
}
