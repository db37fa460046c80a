package drf

import (
	"strings"
	"testing"
)

const testToken = "48cebaf1955b6f45ee76515dbed221a1f229dd69"

func TestParseToken(t *testing.T) {
	for _, tt := range []struct {
		header string
		token  string
		en, zh string
	}{
		{"Token " + testToken, testToken, "", ""},
		{"token " + testToken, testToken, "", ""},
		{"TOKEN\t " + testToken + " ", testToken, "", ""},
		{"", "", "Authentication credentials were not provided.", "身份认证信息未提供。"},
		{"   ", "", "Authentication credentials were not provided.", "身份认证信息未提供。"},
		{"Basic dXNlcg==", "", "Authentication credentials were not provided.", "身份认证信息未提供。"},
		{"Bearer " + testToken, "", "Authentication credentials were not provided.", "身份认证信息未提供。"},
		{testToken, "", "Authentication credentials were not provided.", "身份认证信息未提供。"},
		{"Token", "", "Invalid token header. No credentials provided.", "没有提供认证信息（认证令牌HTTP头无效）。"},
		{"Token a b", "", "Invalid token header. Token string should not contain spaces.",
			"认证令牌字符串不应该包含空格（无效的认证令牌HTTP头）。"},
		{"Token é b", "", "Invalid token header. Token string should not contain spaces.",
			"认证令牌字符串不应该包含空格（无效的认证令牌HTTP头）。"},
		{"Token 令牌", "", "Invalid token header. Token string should not contain invalid characters.",
			"无效的Token。Token字符串不能包含非法的字符。"},
		{"Token a\xff", "", "Invalid token header. Token string should not contain invalid characters.",
			"无效的Token。Token字符串不能包含非法的字符。"},
	} {
		token, err := ParseToken(tt.header)
		if tt.en == "" {
			if err != nil || token != tt.token {
				t.Errorf("ParseToken(%q) = %q, %v", tt.header, token, err)
			}
			continue
		}
		refused := AsError(err)
		if refused == nil || refused.Status != 401 || refused.Header.Get("WWW-Authenticate") != "Token" {
			t.Errorf("ParseToken(%q) = %q, %v", tt.header, token, err)
			continue
		}
		if en, zh := refused.Detail.In(En), refused.Detail.In(ZhHans); en != tt.en || zh != tt.zh {
			t.Errorf("ParseToken(%q): %s / %s", tt.header, en, zh)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	for _, seed := range []string{"", "Token", "Token a b", "token " + testToken, "Basic x", "Token \xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := ParseToken(header)
		if (token == "") != (err != nil) {
			t.Fatalf("token %q and error %v", token, err)
		}
		if err != nil && AsError(err).Status != 401 {
			t.Fatalf("not a 401: %v", err)
		}
		if strings.ContainsFunc(token, isASCIISpace) || !isASCII(token) || !strings.Contains(header, token) {
			t.Fatalf("no token: %q", token)
		}
	})
}
