package drf

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestParseLang(t *testing.T) {
	for header, want := range map[string]Lang{
		"":                                    En,
		"zh":                                  ZhHans,
		"zh-CN":                               ZhHans,
		"zh-cn":                               ZhHans,
		"zh-Hans":                             ZhHans,
		"zh-hans-CN":                          ZhHans,
		"zh-TW":                               ZhHans,
		"ZH-CN;Q=0.8":                         ZhHans,
		"zh-CN,zh;q=0.9,en;q=0.8":             ZhHans,
		"en;q=0.8, zh;q=0.9":                  ZhHans,
		"en;q=0.9, zh;q=0.8":                  En,
		"en,zh":                               En,
		"fr-FR, zh;q=0.5":                     ZhHans,
		"fr":                                  En,
		"*":                                   En,
		"*, zh;q=0.9":                         En,
		"zh, *;q=0.1":                         ZhHans,
		"zh;q=0":                              En,
		"zh ; q=0.123":                        ZhHans,
		"zh;q=1.000":                          ZhHans,
		"zh;q=1.5":                            En,
		"zh;q=0.1234":                         En,
		"zh;q=":                               En,
		"zh;level=1":                          En,
		"zh,":                                 ZhHans,
		"zh,,en":                              En,
		",zh":                                 En,
		"zh_CN":                               En,
		"zhongwenwen":                         En,
		"zh-" + "123456789":                   En,
		"z1":                                  En,
		"中文":                                  En,
		"zh-CN, completely broken; header!!!": En,
	} {
		if got := ParseLang(header); got != want {
			t.Errorf("ParseLang(%q) = %v, want %v", header, got, want)
		}
	}
}

func TestRequestLang(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if got := RequestLang(r); got != En {
		t.Errorf("without a header: %v", got)
	}
	r.Header["Accept-Language"] = []string{"zh"}
	if got := RequestLang(r); got != ZhHans {
		t.Errorf("with one: %v", got)
	}
	r.Header["Accept-Language"] = []string{"en;q=0.1", "zh;q=0.2"}
	if got := RequestLang(r); got != ZhHans {
		t.Errorf("with two: %v", got)
	}
}

func TestLangSetHeader(t *testing.T) {
	h := http.Header{"Vary": {"Origin"}}
	ZhHans.SetHeader(h)
	ZhHans.SetHeader(h)
	if h.Get("Content-Language") != "zh-hans" || len(h["Vary"]) != 2 || h["Vary"][1] != "Accept-Language" {
		t.Errorf("headers: %v", h)
	}
	En.SetHeader(h)
	if h.Get("Content-Language") != "en" {
		t.Errorf("headers: %v", h)
	}
}

func FuzzParseLang(f *testing.F) {
	for _, seed := range []string{"", "zh-CN,zh;q=0.9,en;q=0.8", "*;q=0", "en;q=1.001", "zh,", ",,", "a-b-c;q=0."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := ParseLang(header)
		if got != En && got != ZhHans {
			t.Fatalf("no such language: %d", got)
		}
		if got == ZhHans && !containsFold(header, "zh") {
			t.Fatalf("%q asks for no Chinese", header)
		}
	})
}
