package drf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestErrorBodies(t *testing.T) {
	for _, tt := range []struct {
		err    *Error
		status int
		en, zh string
	}{
		{Unauthorized(MsgNotAuthenticated), 401,
			`{"detail":"Authentication credentials were not provided."}`, `{"detail":"身份认证信息未提供。"}`},
		{Unauthorized(MsgTokenUnknown), 401, `{"detail":"Invalid token."}`, `{"detail":"认证令牌无效。"}`},
		{Unauthorized(MsgUserInactive), 401, `{"detail":"User inactive or deleted."}`, `{"detail":"用户未激活或者已删除。"}`},
		{PermissionDenied(), 403,
			`{"detail":"You do not have permission to perform this action."}`, `{"detail":"您没有执行该操作的权限。"}`},
		{NotFound(), 404, `{"detail":"Not found."}`, `{"detail":"未找到。"}`},
		{MethodNotAllowed("PUT"), 405, `{"detail":"Method \"PUT\" not allowed."}`, `{"detail":"方法 “PUT” 不被允许。"}`},
		{UnsupportedMediaType("text/xml"), 415,
			`{"detail":"Unsupported media type \"text/xml\" in request."}`, `{"detail":"不支持请求中的媒体类型 “text/xml”。"}`},
		{BodyTooLarge(10), 413,
			`{"detail":"Request body too large: no more than 10 bytes are accepted."}`, `{"detail":"请求体过大：最多接受 10 字节。"}`},
		{Unavailable(0), 503,
			`{"detail":"Service temporarily unavailable, try again later."}`, `{"detail":"服务暂时不可用，请稍后再试。"}`},
		{ServerError(), 500, `{"detail":"A server error occurred."}`, `{"detail":"服务器出现了错误。"}`},
		{NonFieldInvalid(MsgBadLogin), 400,
			`{"non_field_errors":["Unable to log in with provided credentials."]}`, `{"non_field_errors":["无法使用提供的认证信息登录。"]}`},
		{FieldInvalid("doctor", MsgNoSuchObject, "username", "<b>\xff"), 400,
			`{"doctor":["Object with username=<b>` + "\uFFFD" + ` does not exist."]}`,
			`{"doctor":["属性 username 为 <b>` + "\uFFFD" + ` 的对象不存在。"]}`},
		{&Error{Status: 400, Fields: []FieldError{
			{Field: "z", Texts: []Text{MsgMaxLength.With(1), MsgNullCharacters.With()}},
			{Field: "a", Items: []FieldError{{Field: "1", Texts: []Text{MsgBlank.With()}}}},
		}}, 400,
			`{"z":["Ensure this field has no more than 1 characters.","Null characters are not allowed."],"a":{"1":["This field may not be blank."]}}`,
			`{"z":["请确保这个字段不能超过 1 个字符。","不允许使用空字符。"],"a":{"1":["该字段不能为空。"]}}`},
	} {
		if tt.err.Status != tt.status {
			t.Errorf("status %d, want %d", tt.err.Status, tt.status)
		}
		if got := string(tt.err.Body(En)); got != tt.en {
			t.Errorf("got  %s\nwant %s", got, tt.en)
		}
		if got := string(tt.err.Body(ZhHans)); got != tt.zh {
			t.Errorf("got  %s\nwant %s", got, tt.zh)
		}
	}
}

func TestErrorHeaders(t *testing.T) {
	for _, tt := range []struct {
		err         *Error
		name, value string
	}{
		{Unauthorized(MsgTokenUnknown), "WWW-Authenticate", "Token"},
		{Unavailable(time.Second), "Retry-After", "1"},
		{Unavailable(1001 * time.Millisecond), "Retry-After", "2"},
		{Unavailable(0), "Retry-After", ""},
		{NotFound(), "WWW-Authenticate", ""},
	} {
		h := http.Header{}
		tt.err.SetHeader(h)
		if got := h.Get(tt.name); got != tt.value {
			t.Errorf("%v: %s is %q, want %q", tt.err, tt.name, got, tt.value)
		}
	}
}

func TestErrorString(t *testing.T) {
	if got := NotFound().Error(); got != "404: Not found." {
		t.Error(got)
	}
	if got := FieldInvalid("doctor", MsgRequired).Error(); got != `400: {"doctor":["This field is required."]}` {
		t.Error(got)
	}
}

func TestAsError(t *testing.T) {
	missing := NotFound()
	for _, tt := range []struct {
		err    error
		status int
	}{
		{missing, 404},
		{fmt.Errorf("view: %w", missing), 404},
		{&http.MaxBytesError{Limit: 5}, 413},
		{fmt.Errorf("view: %w", context.DeadlineExceeded), 503},
		{io.ErrClosedPipe, 500},
		{errors.New("secret"), 500},
	} {
		if got := AsError(tt.err); got.Status != tt.status {
			t.Errorf("AsError(%v) is %v", tt.err, got)
		}
	}
	if AsError(nil) != nil {
		t.Error("AsError(nil) is not nil")
	}
}
