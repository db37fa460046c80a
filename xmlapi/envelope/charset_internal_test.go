package envelope

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEveryCharacterGoesAndComes: what is written in an encoding is read as the same, or stands there as a reference.
func TestEveryCharacterGoesAndComes(t *testing.T) {
	for _, c := range []*charset{gbk, gb2312, gb18030} {
		wrong := 0
		for r := rune(0); r <= utf8.MaxRune; r++ {
			if !utf8.ValidRune(r) {
				continue
			}
			encoded := c.encode(nil, []byte(string(r)), appendXMLReference)
			if r >= utf8.RuneSelf && strings.HasPrefix(string(encoded), "&#") {
				continue
			}
			if text, refusal := c.decode(encoded); refusal != nil || string(text) != string(r) {
				if wrong++; wrong < 20 {
					t.Errorf("%s: %U is % x, read as %q, %v", c.label, r, encoded, text, refusal)
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d wrong", c.label, wrong)
		}
	}
}
