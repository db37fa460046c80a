package pingpp_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"orderengine/gateways/pingpp"
)

func TestSignAndVerify(t *testing.T) {
	body := []byte(`{"id":"evt_1","amount":1500}`)
	header, err := pingpp.Sign(platformKey(), body)
	if err != nil {
		t.Fatal(err)
	}
	public := &platformKey().PublicKey
	if err := pingpp.Verify(public, header, body); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"empty":    pingpp.Verify(public, "", body),
		"no key":   pingpp.Verify(nil, header, body),
		"no base":  pingpp.Verify(public, "!"+header, body),
		"newline":  pingpp.Verify(public, header+"\n", nil),
		"stranger": pingpp.Verify(&merchantKey().PublicKey, header, body),
		"longer":   pingpp.Verify(public, header, append(body, '\n')),
		"shorter":  pingpp.Verify(public, header[:len(header)-4], body),
	} {
		if !errors.Is(err, pingpp.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pingpp.Sign(nil, body); err == nil {
		t.Error("nobody signs")
	}
}

// FuzzVerify: nothing but what was signed is accepted, and nothing panics.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"amount":1500}`), uint16(3), byte(1), "AAAA")
	f.Add([]byte{}, uint16(0), byte(0), "")
	f.Add([]byte("x"), uint16(300), byte(128), "====")
	public := &platformKey().PublicKey
	f.Fuzz(func(t *testing.T, body []byte, at uint16, flip byte, header string) {
		good, err := pingpp.Sign(platformKey(), body)
		if err != nil || pingpp.Verify(public, good, body) != nil {
			t.Fatal("what was signed is refused", err)
		}
		if header != good && pingpp.Verify(public, header, body) == nil {
			t.Fatalf("the header %q is accepted", header)
		}
		if flip == 0 {
			return
		}
		if len(body) > 0 {
			changed := append([]byte(nil), body...)
			changed[int(at)%len(body)] ^= flip
			if pingpp.Verify(public, good, changed) == nil {
				t.Fatal("a flipped byte of the body is accepted")
			}
		}
		signature, err := base64.StdEncoding.DecodeString(good)
		if err != nil {
			t.Fatal(err)
		}
		signature[int(at)%len(signature)] ^= flip
		if pingpp.Verify(public, base64.StdEncoding.EncodeToString(signature), body) == nil {
			t.Fatal("a flipped byte of the signature is accepted")
		}
	})
}

// FuzzCut: at most so many bytes, no character split, and no shorter than it must be.
func FuzzCut(f *testing.F) {
	f.Add("肺轻松#12257268238541425696240003", uint8(32))
	f.Add("肺轻松肺轻松肺轻松肺轻松", uint8(32))
	f.Add("", uint8(0))
	f.Add("😀😀", uint8(7))
	f.Fuzz(func(t *testing.T, text string, most uint8) {
		got := pingpp.Cut(text, int(most))
		if len(got) > int(most) || !strings.HasPrefix(text, got) {
			t.Fatalf("%q cut to %d bytes is %q", text, most, got)
		}
		if !utf8.ValidString(text) {
			return
		}
		if !utf8.ValidString(got) {
			t.Fatalf("%q is split", got)
		}
		if len(got) < len(text) && len(got)+utf8.UTFMax <= int(most) {
			t.Fatalf("%q cut to %d bytes is only %q", text, most, got)
		}
	})
}
