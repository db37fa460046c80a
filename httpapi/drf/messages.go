package drf

import (
	"fmt"
	"strings"
)

// Message is one text of the catalogue in every language. Placeholders stand in braces; the order in which the English
// text names them is the order of the arguments that [Message.With] takes.
type Message struct {
	texts  [2]string
	params []string
}

// NewMessage makes a message of an English and a Chinese text; both must name the same placeholders.
func NewMessage(en, zh string) *Message {
	return &Message{texts: [2]string{En: en, ZhHans: zh}, params: placeholders(en)}
}

// With gives the message its arguments, one for each placeholder.
func (m *Message) With(args ...any) Text {
	return Text{message: m, args: args}
}

// Text is a message with its arguments, not yet in any language.
type Text struct {
	message *Message
	args    []any
}

// In is the text in a language.
func (t Text) In(lang Lang) string {
	if t.message == nil {
		return ""
	}
	text := t.message.texts[lang]
	if len(t.args) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(t.args))
	for i, name := range t.message.params[:min(len(t.args), len(t.message.params))] {
		pairs = append(pairs, name, fmt.Sprint(t.args[i]))
	}
	// A Replacer never looks again at what it has put in, so an argument that holds braces stays as it is.
	return strings.NewReplacer(pairs...).Replace(text)
}

// placeholders lists the `{name}` parts of a text, braces included.
func placeholders(text string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			return names
		}
		name, rest, found := strings.Cut(rest, "}")
		if !found {
			return names
		}
		names, text = append(names, "{"+name+"}"), rest
	}
}

// untranslated is a message that DRF itself does not translate.
func untranslated(en string) *Message { return NewMessage(en, en) }

// Texts of whole requests, shown under `detail` (rest_framework.exceptions and authentication).
var (
	MsgNotAuthenticated = NewMessage(
		"Authentication credentials were not provided.",
		"身份认证信息未提供。")
	MsgTokenMissing = NewMessage(
		"Invalid token header. No credentials provided.",
		"没有提供认证信息（认证令牌HTTP头无效）。")
	MsgTokenSpaces = NewMessage(
		"Invalid token header. Token string should not contain spaces.",
		"认证令牌字符串不应该包含空格（无效的认证令牌HTTP头）。")
	MsgTokenCharacters = NewMessage(
		"Invalid token header. Token string should not contain invalid characters.",
		"无效的Token。Token字符串不能包含非法的字符。")
	MsgTokenUnknown = NewMessage(
		"Invalid token.",
		"认证令牌无效。")
	MsgUserInactive = NewMessage(
		"User inactive or deleted.",
		"用户未激活或者已删除。")
	MsgPermissionDenied = NewMessage(
		"You do not have permission to perform this action.",
		"您没有执行该操作的权限。")
	MsgNotFound = NewMessage(
		"Not found.",
		"未找到。")
	MsgInvalidPage = NewMessage(
		"Invalid page.",
		"无效页面。")
	MsgMethodNotAllowed = NewMessage(
		`Method "{method}" not allowed.`,
		"方法 “{method}” 不被允许。")
	MsgUnsupportedMediaType = NewMessage(
		`Unsupported media type "{media_type}" in request.`,
		"不支持请求中的媒体类型 “{media_type}”。")
	MsgMalformedRequest = NewMessage(
		"Malformed request.",
		"错误的请求。")
	MsgJSONParse      = untranslated("JSON parse error - {reason}")
	MsgFormParse      = untranslated("Form parse error - {reason}")
	MsgMultipartParse = untranslated("Multipart form parse error - {reason}")
	MsgBodyTooLarge   = NewMessage(
		"Request body too large: no more than {limit} bytes are accepted.",
		"请求体过大：最多接受 {limit} 字节。")
	MsgUnavailable = NewMessage(
		"Service temporarily unavailable, try again later.",
		"服务暂时不可用，请稍后再试。")
	MsgServerError = NewMessage(
		"A server error occurred.",
		"服务器出现了错误。")
)

// Texts of single fields (rest_framework.fields, relations, serializers and validators).
var (
	MsgRequired = NewMessage(
		"This field is required.",
		"该字段是必填项。")
	MsgNull = NewMessage(
		"This field may not be null.",
		"该字段不能为 null。")
	MsgBlank = NewMessage(
		"This field may not be blank.",
		"该字段不能为空。")
	MsgInvalidString = NewMessage(
		"Not a valid string.",
		"不是有效的字符串。")
	MsgMaxLength = NewMessage(
		"Ensure this field has no more than {max_length} characters.",
		"请确保这个字段不能超过 {max_length} 个字符。")
	MsgMaxBytes = NewMessage( // DRF has none
		"Ensure this field has no more than {max_bytes} bytes in UTF-8.",
		"请确保这个字段的 UTF-8 编码不超过 {max_bytes} 个字节。")
	MsgNullCharacters = NewMessage(
		"Null characters are not allowed.",
		"不允许使用空字符。")
	MsgInvalidChoice = NewMessage(
		`"{input}" is not a valid choice.`,
		"“{input}” 不是合法选项。")
	MsgInvalidInteger = NewMessage(
		"A valid integer is required.",
		"请填写合法的整数值。")
	MsgInvalidNumber = NewMessage(
		"A valid number is required.",
		"请填写合法的数字。")
	MsgInvalidBoolean = NewMessage(
		"Must be a valid boolean.",
		"必须是有效的布尔值。")
	MsgMinValue = NewMessage(
		"Ensure this value is greater than or equal to {min_value}.",
		"请确保该值大于或者等于 {min_value}。")
	MsgMaxValue = NewMessage(
		"Ensure this value is less than or equal to {max_value}.",
		"请确保该值小于或者等于 {max_value}。")
	MsgMaxDigits = NewMessage(
		"Ensure that there are no more than {max_digits} digits in total.",
		"请确保总计不超过 {max_digits} 个数字。")
	MsgMaxDecimalPlaces = NewMessage(
		"Ensure that there are no more than {max_decimal_places} decimal places.",
		"请确保总计不超过 {max_decimal_places} 个小数位。")
	MsgMaxWholeDigits = NewMessage(
		"Ensure that there are no more than {max_whole_digits} digits before the decimal point.",
		"请确保小数点前不超过 {max_whole_digits} 个数字。")
	MsgStringTooLarge = NewMessage(
		"String value too large.",
		"字符串值太长。")
	MsgNotAList = NewMessage(
		`Expected a list of items but got type "{input_type}".`,
		"期望为一个包含物件的列表，得到的类型是“{input_type}”。")
	MsgNotADict = NewMessage(
		"Expected a dictionary of items but got type \"{input_type}\".",
		"期望是包含类目的字典，得到类型为 “{input_type}”。")
	MsgEmptyList = NewMessage(
		"This list may not be empty.",
		"列表不能为空。")
	MsgMaxItems = NewMessage(
		"Ensure this field has no more than {max_length} elements.",
		"该字段不能超过 {max_length} 个元素。")
	MsgInvalidPK = NewMessage(
		`Invalid pk "{pk_value}" - object does not exist.`,
		"无效主键 “{pk_value}” － 对象不存在。")
	MsgIncorrectPKType = NewMessage(
		"Incorrect type. Expected pk value, received {data_type}.",
		"类型错误。期望为主键，获得的类型为 {data_type}。")
	MsgNoSuchObject = NewMessage(
		"Object with {slug_name}={value} does not exist.",
		"属性 {slug_name} 为 {value} 的对象不存在。")
	MsgNotUnique = NewMessage(
		"This field must be unique.",
		"该字段必须唯一。")
)

// Texts of the body as a whole, shown under `non_field_errors`.
var (
	MsgNotADictionary = NewMessage(
		"Invalid data. Expected a dictionary, but got {datatype}.",
		"无效数据。期待为字典类型，得到的是 {datatype} 。")
	MsgNoData   = untranslated("No data provided")
	MsgBadLogin = NewMessage(
		"Unable to log in with provided credentials.",
		"无法使用提供的认证信息登录。")
)
