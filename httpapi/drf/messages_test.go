package drf

import (
	"slices"
	"strings"
	"testing"
)

var catalogue = map[string]*Message{
	"MsgNotAuthenticated": MsgNotAuthenticated, "MsgTokenMissing": MsgTokenMissing, "MsgTokenSpaces": MsgTokenSpaces,
	"MsgTokenCharacters": MsgTokenCharacters, "MsgTokenUnknown": MsgTokenUnknown, "MsgUserInactive": MsgUserInactive,
	"MsgPermissionDenied": MsgPermissionDenied, "MsgNotFound": MsgNotFound, "MsgInvalidPage": MsgInvalidPage,
	"MsgMethodNotAllowed": MsgMethodNotAllowed, "MsgUnsupportedMediaType": MsgUnsupportedMediaType,
	"MsgMalformedRequest": MsgMalformedRequest, "MsgJSONParse": MsgJSONParse, "MsgFormParse": MsgFormParse,
	"MsgMultipartParse": MsgMultipartParse, "MsgBodyTooLarge": MsgBodyTooLarge, "MsgUnavailable": MsgUnavailable,
	"MsgServerError": MsgServerError, "MsgRequired": MsgRequired, "MsgNull": MsgNull, "MsgBlank": MsgBlank,
	"MsgInvalidString": MsgInvalidString, "MsgMaxLength": MsgMaxLength, "MsgNullCharacters": MsgNullCharacters,
	"MsgInvalidChoice": MsgInvalidChoice, "MsgInvalidInteger": MsgInvalidInteger, "MsgInvalidNumber": MsgInvalidNumber,
	"MsgInvalidBoolean": MsgInvalidBoolean, "MsgMinValue": MsgMinValue,
	"MsgMaxValue": MsgMaxValue, "MsgMaxDigits": MsgMaxDigits, "MsgMaxDecimalPlaces": MsgMaxDecimalPlaces,
	"MsgMaxWholeDigits": MsgMaxWholeDigits, "MsgStringTooLarge": MsgStringTooLarge, "MsgNotAList": MsgNotAList,
	"MsgEmptyList": MsgEmptyList, "MsgMaxItems": MsgMaxItems, "MsgInvalidPK": MsgInvalidPK,
	"MsgIncorrectPKType": MsgIncorrectPKType, "MsgNoSuchObject": MsgNoSuchObject, "MsgNotUnique": MsgNotUnique,
	"MsgNotADictionary": MsgNotADictionary, "MsgNotADict": MsgNotADict, "MsgNoData": MsgNoData, "MsgBadLogin": MsgBadLogin,
}

func TestCatalogueNamesTheSamePlaceholdersInBothLanguages(t *testing.T) {
	for name, m := range catalogue {
		en, zh := placeholders(m.texts[En]), placeholders(m.texts[ZhHans])
		if slices.Sort(en); !slices.Equal(en, sorted(zh)) {
			t.Errorf("%s: %v in English, %v in Chinese", name, en, zh)
		}
		if m.texts[En] == "" || m.texts[ZhHans] == "" {
			t.Errorf("%s has no text in some language", name)
		}
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct {
		text   Text
		en, zh string
	}{
		{MsgRequired.With(), "This field is required.", "该字段是必填项。"},
		{MsgMaxLength.With(150), "Ensure this field has no more than 150 characters.", "请确保这个字段不能超过 150 个字符。"},
		{MsgInvalidChoice.With("zzz"), `"zzz" is not a valid choice.`, "“zzz” 不是合法选项。"},
		{MsgInvalidChoice.With("{input}"), `"{input}" is not a valid choice.`, "“{input}” 不是合法选项。"},
		{MsgInvalidPK.With(7), `Invalid pk "7" - object does not exist.`, "无效主键 “7” － 对象不存在。"},
		{MsgNoSuchObject.With("username", "{slug_name}"), "Object with username={slug_name} does not exist.",
			"属性 username 为 {slug_name} 的对象不存在。"},
		{MsgMethodNotAllowed.With("PUT"), `Method "PUT" not allowed.`, "方法 “PUT” 不被允许。"},
		{NewMessage("{a} then {b}", "{b} 在 {a} 之后").With(1, 2), "1 then 2", "2 在 1 之后"},
		{MsgMaxItems.With(3, "too many"), "Ensure this field has no more than 3 elements.", "该字段不能超过 3 个元素。"},
		{MsgNoData.With(), "No data provided", "No data provided"},
		{Text{}, "", ""},
	} {
		if got := tt.text.In(En); got != tt.en {
			t.Errorf("got %q, want %q", got, tt.en)
		}
		if got := tt.text.In(ZhHans); got != tt.zh {
			t.Errorf("got %q, want %q", got, tt.zh)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	for text, want := range map[string]string{"": "", "no": "", "{a}": "{a}", "x{a}y{b}": "{a} {b}", "{open": ""} {
		if got := strings.Join(placeholders(text), " "); got != want {
			t.Errorf("placeholders(%q) = %q, want %q", text, got, want)
		}
	}
}

func containsFold(s, part string) bool { return strings.Contains(strings.ToLower(s), part) }
