package drf

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
)

// dataOf makes data of a JSON object, or of a form if the text does not begin with a brace.
func dataOf(t testing.TB, text string) *Data {
	t.Helper()
	contentType := mediaForm
	if strings.HasPrefix(text, "{") {
		contentType = mediaJSON
	}
	data, err := ParseBody(request("POST", contentType, text), testLimit)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fieldCase is a body, and what one read of the field x gives: a value, or else the error's body.
type fieldCase struct {
	body string
	want any
	err  string
}

func checkFields[T any](t *testing.T, read func(*Fields) T, cases []fieldCase) {
	t.Helper()
	for _, tt := range cases {
		f := dataOf(t, tt.body).Fields()
		got := read(f)
		if tt.err == "" {
			if err := f.Err(); err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", tt.want) {
				t.Errorf("%.60s: got %#v, %v, want %#v", tt.body, got, err, tt.want)
			}
			continue
		}
		var zero T
		if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", zero) || f.OK("x") {
			t.Errorf("%.60s: a refused field reads as %#v", tt.body, got)
		}
		want := tt.err
		if !strings.HasPrefix(want, "{") {
			want = `{"x":["` + strings.ReplaceAll(want, `"`, `\"`) + `"]}`
		}
		if err := AsError(f.Err()); err == nil || string(err.Body(En)) != want || err.Status != 400 {
			t.Errorf("%.60s: got %v\nwant %s", tt.body, err, want)
		}
	}
}

const (
	required = "This field is required."
	null     = "This field may not be null."
	blank    = "This field may not be blank."
	noText   = "Not a valid string."
	noInt    = "A valid integer is required."
	noNumber = "A valid number is required."
)

func TestString(t *testing.T) {
	checkFields(t, func(f *Fields) string { return f.String("x", MaxLength(3)) }, []fieldCase{
		{`{"x":"a"}`, "a", ""},
		{`{"x":" \t\u3000阳光医\n\u001c"}`, "阳光医", ""},
		{`{"x":5}`, "5", ""},
		{`{"x":5.0}`, "5.0", ""},
		{`{}`, "", required},
		{`{"X":"a"}`, "", required},
		{`{"x":null}`, "", null},
		{`{"x":""}`, "", blank},
		{`{"x":" \n"}`, "", blank},
		{`{"x":true}`, "", noText},
		{`{"x":["a"]}`, "", noText},
		{`{"x":{}}`, "", noText},
		{`{"x":"阳光医院"}`, "", "Ensure this field has no more than 3 characters."},
		{`{"x":"a\u0000"}`, "", "Null characters are not allowed."},
		{`{"x":"abc\u0000"}`, "", `{"x":["Ensure this field has no more than 3 characters.","Null characters are not allowed."]}`},
		{`x=a`, "a", ""},
		{`x=a&x=b`, "b", ""},
		{`x=%20a+`, "a", ""},
		{`x=`, "", blank},
		{`x=%00`, "", "Null characters are not allowed."},
		{`y=1`, "", required},
	})
	checkFields(t, func(f *Fields) string { return f.String("x", Default("d")) }, []fieldCase{
		{`{"x":"a"}`, "a", ""},
		{`{}`, "d", ""},
		{`{"x":null}`, "", null},
		{`{"x":""}`, "", blank},
		{`x=`, "d", ""},
		{`x=+`, "", blank},
		{`y=`, "d", ""},
	})
	checkFields(t, func(f *Fields) string { return f.String("x", Default("d"), AllowBlank, AllowNull) }, []fieldCase{
		{`{}`, "d", ""},
		{`{"x":null}`, "", ""},
		{`{"x":"  "}`, "", ""},
		{`x=`, "", ""},
		{`x=+`, "", ""},
	})
	checkFields(t, func(f *Fields) string { return f.String("x", AllowNull) }, []fieldCase{
		{`x=`, "", ""}, {`{"x":null}`, "", ""}, {`{"x":""}`, "", blank}, {`{}`, "", required},
	})
	checkFields(t, func(f *Fields) string { return f.String("x", KeepSpace) }, []fieldCase{
		{`{"x":" a "}`, " a ", ""}, {`{"x":"  "}`, "  ", ""}, {`{"x":""}`, "", blank},
	})
}

func TestChoice(t *testing.T) {
	checkFields(t, func(f *Fields) string { return f.Choice("x", []string{"online", "5"}) }, []fieldCase{
		{`{"x":"online"}`, "online", ""},
		{`{"x":5}`, "5", ""},
		{`x=online`, "online", ""},
		{`{"x":"zzz"}`, "", `"zzz" is not a valid choice.`},
		{`{"x":" online"}`, "", `" online" is not a valid choice.`},
		{`{"x":""}`, "", `"" is not a valid choice.`},
		{`x=`, "", `"" is not a valid choice.`},
		{`{"x":true}`, "", `"True" is not a valid choice.`},
		{`{"x":["online"]}`, "", `"['online']" is not a valid choice.`},
		{`{"x":null}`, "", null},
		{`{}`, "", required},
	})
	checkFields(t, func(f *Fields) string { return f.Choice("x", []string{"online"}, Default("online")) }, []fieldCase{
		{`{}`, "online", ""}, {`x=`, "online", ""}, {`x=wx`, "", `"wx" is not a valid choice.`},
	})
	checkFields(t, func(f *Fields) string { return f.Choice("x", []string{"online"}, AllowBlank) }, []fieldCase{
		{`{"x":""}`, "", ""}, {`x=`, "", ""},
	})
}

func TestInt(t *testing.T) {
	long := strings.Repeat("1", 1001)
	checkFields(t, func(f *Fields) int64 { return f.Int("x") }, []fieldCase{
		{`{"x":5}`, int64(5), ""},
		{`{"x":"5"}`, int64(5), ""},
		{`{"x":5.0}`, int64(5), ""},
		{`{"x":"5.0"}`, int64(5), ""},
		{`{"x":"5. "}`, int64(5), ""},
		{`{"x":1e2}`, int64(100), ""},
		{`{"x":" -7 "}`, int64(-7), ""},
		{`x=%EF%BC%95`, int64(5), ""},
		{`{"x":9223372036854775806}`, int64(math.MaxInt64 - 1), ""},
		{`{"x":5.5}`, int64(0), noInt},
		{`{"x":"5.5"}`, int64(0), noInt},
		{`{"x":"abc"}`, int64(0), noInt},
		{`{"x":true}`, int64(0), noInt},
		{`{"x":[5]}`, int64(0), noInt},
		{`{"x":1e16}`, int64(0), noInt},
		{`{"x":1e999}`, int64(0), noInt},
		{`{"x":""}`, int64(0), noInt},
		{`x=`, int64(0), noInt},
		{`{"x":null}`, int64(0), null},
		{`{}`, int64(0), required},
		{`{"x":"` + long + `"}`, int64(0), "String value too large."},
		{`{"x":` + long + `}`, int64(0), "Ensure this value is less than or equal to 9223372036854775807."},
		{`{"x":9223372036854775808}`, int64(0), "Ensure this value is less than or equal to 9223372036854775807."},
		{`{"x":-9223372036854775809}`, int64(0), "Ensure this value is greater than or equal to -9223372036854775808."},
	})
	checkFields(t, func(f *Fields) int64 { return f.Int("x", Between(1, 5)) }, []fieldCase{
		{`x=1`, int64(1), ""}, {`x=5`, int64(5), ""},
		{`x=0`, int64(0), "Ensure this value is greater than or equal to 1."},
		{`x=6`, int64(0), "Ensure this value is less than or equal to 5."},
		{`x=99999999999999999999`, int64(0), "Ensure this value is less than or equal to 5."},
	})
	checkFields(t, func(f *Fields) int64 { return f.Int("x", Between(0, math.MaxInt64), Default(7)) }, []fieldCase{
		{`{}`, int64(7), ""}, {`x=`, int64(7), ""}, {`x=-1`, int64(0), "Ensure this value is greater than or equal to 0."},
	})
}

func TestIntChoice(t *testing.T) {
	checkFields(t, func(f *Fields) int { return f.IntChoice("x", []int{1, 2, 3, 4, 5}) }, []fieldCase{
		{`x=5`, 5, ""}, {`{"x":5}`, 5, ""}, {`{"x":"5.0"}`, 5, ""},
		{`x=6`, 0, `"6" is not a valid choice.`},
		{`{"x":6.0}`, 0, `"6.0" is not a valid choice.`},
		{`{"x":99999999999999999999}`, 0, `"99999999999999999999" is not a valid choice.`},
		{`x=five`, 0, noInt}, {`{"x":5.5}`, 0, noInt}, {`{"x":null}`, 0, null}, {`{}`, 0, required},
	})
	checkFields(t, func(f *Fields) int { return f.IntChoice("x", []int{0, 1}, Default(-1)) }, []fieldCase{
		{`x=`, -1, ""}, {`y=`, -1, ""}, {`x=0`, 0, ""},
	})
}

func TestBool(t *testing.T) {
	checkFields(t, func(f *Fields) bool { return f.Bool("x") }, []fieldCase{
		{`{"x":true}`, true, ""}, {`{"x":"yes"}`, true, ""}, {`{"x":1}`, true, ""}, {`{"x":1.0}`, true, ""}, {`x=on`, true, ""},
		{`{"x":false}`, false, ""}, {`{"x":"No"}`, false, ""}, {`{"x":0}`, false, ""}, {`x=0`, false, ""}, {`y=`, false, ""},
		{`{"x":2}`, false, "Must be a valid boolean."}, {`{"x":"maybe"}`, false, "Must be a valid boolean."},
		{`{"x":[]}`, false, "Must be a valid boolean."}, {`x=`, false, "Must be a valid boolean."},
		{`{"x":null}`, false, null}, {`{}`, false, required},
	})
	checkFields(t, func(f *Fields) bool { return f.Bool("x", Default(true)) }, []fieldCase{
		{`{}`, true, ""}, {`{"x":false}`, false, ""}, {`x=`, true, ""},
	})
	checkFields(t, func(f *Fields) bool { return f.Bool("x", Default(false), AllowNull) }, []fieldCase{
		{`{}`, false, ""}, {`{"x":null}`, false, ""},
	})
}

func TestDecimal2(t *testing.T) {
	const places = "Ensure that there are no more than 2 decimal places."
	checkFields(t, func(f *Fields) int64 { return f.Decimal2("x") }, []fieldCase{
		{`{"x":"15.00"}`, int64(1500), ""},
		{`{"x":15}`, int64(1500), ""},
		{`{"x":15.5}`, int64(1550), ""},
		{`{"x":15.100}`, int64(1510), ""},
		{`{"x":0.0000}`, int64(0), ""},
		{`{"x":1.5e1}`, int64(1500), ""},
		{`{"x":"1.5e1"}`, int64(1500), ""},
		{`{"x":"1e-2"}`, int64(1), ""},
		{`{"x":" -0.05 "}`, int64(-5), ""},
		{`{"x":".5"}`, int64(50), ""},
		{`{"x":"5."}`, int64(500), ""},
		{`{"x":"+1_000"}`, int64(100000), ""},
		{`{"x":0.29}`, int64(29), ""},
		{`{"x":9999999999999999.99}`, int64(999999999999999999), ""},
		{`x=%EF%BC%91`, int64(100), ""},
		{`{"x":"15.001"}`, int64(0), places},
		{`{"x":"15.100"}`, int64(0), places},
		{`{"x":0.001}`, int64(0), places},
		{`{"x":15.00000000000000001}`, int64(0), "Ensure that there are no more than 18 digits in total."},
		{`{"x":10000000000000000}`, int64(0), "Ensure that there are no more than 16 digits before the decimal point."},
		{`{"x":1e400}`, int64(0), "Ensure that there are no more than 18 digits in total."},
		{`{"x":"1e99999999999999999999"}`, int64(0), "Ensure that there are no more than 18 digits in total."},
		{`{"x":"1e-99999999999999999999"}`, int64(0), "Ensure that there are no more than 18 digits in total."},
		{`{"x":"` + strings.Repeat("1", 1001) + `"}`, int64(0), "String value too large."},
		{`{"x":"abc"}`, int64(0), noNumber}, {`{"x":"NaN"}`, int64(0), noNumber}, {`{"x":"Infinity"}`, int64(0), noNumber},
		{`{"x":"."}`, int64(0), noNumber}, {`{"x":"1,5"}`, int64(0), noNumber}, {`{"x":""}`, int64(0), noNumber},
		{`{"x":true}`, int64(0), noNumber}, {`{"x":[1]}`, int64(0), noNumber}, {`x=`, int64(0), noNumber},
		{`{"x":null}`, int64(0), null}, {`{}`, int64(0), required},
	})
	checkFields(t, func(f *Fields) int64 { return f.Decimal2("x", Between(1, 10000)) }, []fieldCase{
		{`x=0.01`, int64(1), ""}, {`x=100`, int64(10000), ""},
		{`x=0`, int64(0), "Ensure this value is greater than or equal to 0.01."},
		{`x=100.01`, int64(0), "Ensure this value is less than or equal to 100.00."},
	})
	checkFields(t, func(f *Fields) int64 { return f.Decimal2("x", Default(int64(1900))) }, []fieldCase{{`{}`, int64(1900), ""}})
}

func TestPK(t *testing.T) {
	checkFields(t, func(f *Fields) int64 { return f.PK("x") }, []fieldCase{
		{`{"x":3}`, int64(3), ""}, {`{"x":"3"}`, int64(3), ""}, {`{"x":3.0}`, int64(3), ""}, {`x=3`, int64(3), ""},
		{`{"x":0}`, int64(0), `Invalid pk "0" - object does not exist.`},
		{`{"x":-3}`, int64(0), `Invalid pk "-3" - object does not exist.`},
		{`{"x":"99999999999999999999"}`, int64(0), `Invalid pk "99999999999999999999" - object does not exist.`},
		{`{"x":"abc"}`, int64(0), "Incorrect type. Expected pk value, received str."},
		{`{"x":"3.0"}`, int64(0), "Incorrect type. Expected pk value, received str."},
		{`{"x":3.5}`, int64(0), "Incorrect type. Expected pk value, received float."},
		{`{"x":true}`, int64(0), "Incorrect type. Expected pk value, received bool."},
		{`{"x":[3]}`, int64(0), "Incorrect type. Expected pk value, received list."},
		{`{"x":{}}`, int64(0), "Incorrect type. Expected pk value, received dict."},
		{`{"x":""}`, int64(0), null}, {`x=`, int64(0), null}, {`{"x":null}`, int64(0), null}, {`{}`, int64(0), required},
	})
	checkFields(t, func(f *Fields) int64 { return f.PK("x", Optional, AllowNull) }, []fieldCase{
		{`{}`, int64(0), ""}, {`{"x":null}`, int64(0), ""}, {`{"x":""}`, int64(0), ""}, {`x=`, int64(0), ""},
	})
}

func TestPKs(t *testing.T) {
	checkFields(t, func(f *Fields) []int64 { return f.PKs("x", MaxItems(3)) }, []fieldCase{
		{`{"x":[3,"2",1.0]}`, []int64{3, 2, 1}, ""},
		{`{"x":[3,"3",2]}`, []int64{3, 2}, ""},
		{`{"x":"3, 2"}`, []int64{3, 2}, ""},
		{`x=3&x=2`, []int64{3, 2}, ""},
		{`x=3,2&x=1`, []int64{3, 2, 1}, ""},
		{`{"x":[]}`, nil, "This list may not be empty."},
		{`{"x":""}`, nil, "This list may not be empty."},
		{`x=`, nil, "This list may not be empty."},
		{`y=`, nil, "This list may not be empty."},
		{`{"x":[3,null]}`, nil, `Invalid pk "None" - object does not exist.`},
		{`{"x":[3,0]}`, nil, `Invalid pk "0" - object does not exist.`},
		{`{"x":[true]}`, nil, "Incorrect type. Expected pk value, received bool."},
		{`x=1,,2`, nil, "Incorrect type. Expected pk value, received str."},
		{`{"x":3}`, nil, `Expected a list of items but got type "int".`},
		{`{"x":{"3":1}}`, nil, `Expected a list of items but got type "dict".`},
		{`{"x":[1,2,3,4]}`, nil, "Ensure this field has no more than 3 elements."},
		{`{"x":null}`, nil, null}, {`{}`, nil, required},
	})
	checkFields(t, func(f *Fields) []int64 { return f.PKs("x") }, []fieldCase{
		{"x=1" + strings.Repeat(",1", 999), []int64{1}, ""},
		{"x=1" + strings.Repeat(",1", 1000), nil, "Ensure this field has no more than 1000 elements."},
	})
	checkFields(t, func(f *Fields) []int64 { return f.PKs("x", Optional) }, []fieldCase{
		{`{}`, []int64(nil), ""}, {`{"x":[]}`, []int64{}, ""}, {`x=`, []int64{}, ""}, {`y=`, []int64{}, ""},
	})
	checkFields(t, func(f *Fields) []int64 { return f.PKs("x", AllowBlank) }, []fieldCase{
		{`{"x":[]}`, []int64{}, ""}, {`{}`, nil, required},
	})
}

func TestStringList(t *testing.T) {
	checkFields(t, func(f *Fields) []string { return f.StringList("x", MaxItems(3), MaxLength(2)) }, []fieldCase{
		{`{"x":[" a ",5]}`, []string{"a", "5"}, ""},
		{`x=a&x=b`, []string{"a", "b"}, ""},
		{`x[10]=c&x[2]=b&x[0]=a&x[01]=z&x[-1]=z&x[]=z&x[1=z`, []string{"a", "b", "c"}, ""},
		{`{"x":[]}`, nil, "This list may not be empty."},
		{`{"x":"a"}`, nil, `Expected a list of items but got type "str".`},
		{`{"x":true}`, nil, `Expected a list of items but got type "bool".`},
		{`{"x":["a",""]}`, nil, `{"x":{"1":["This field may not be blank."]}}`},
		{`{"x":[null,[],"abc"]}`, nil, `{"x":{"0":["This field may not be null."],"1":["Not a valid string."],` +
			`"2":["Ensure this field has no more than 2 characters."]}}`},
		{`{"x":["a","b","c","d"]}`, nil, "Ensure this field has no more than 3 elements."},
		{`x=`, nil, `{"x":{"0":["This field may not be blank."]}}`},
		{`y=`, nil, required}, {`{"x":null}`, nil, null}, {`{}`, nil, required},
	})
	checkFields(t, func(f *Fields) []string { return f.StringList("x", Optional) }, []fieldCase{
		{`{}`, []string(nil), ""}, {`y=`, []string(nil), ""}, {`{"x":[]}`, []string{}, ""},
	})
}

func TestJoinedList(t *testing.T) {
	checkFields(t, func(f *Fields) []string { return f.JoinedList("x", Optional, AllowNull, MaxItems(3), MaxLength(2)) }, []fieldCase{
		{`{"x":"a"}`, []string{"a"}, ""}, {`x=a,b`, []string{"a", "b"}, ""}, {`x=a&x=b,c`, []string{"b", "c"}, ""}, {`{"x":5}`, []string{"5"}, ""},
		{`{"x":" ,a, b\t,,c,"}`, []string{"a", "b", "c"}, ""},
		{`{"x":"` + strings.Repeat(" ,", 1000) + `"}`, []string{}, ""},
		{`{"x":""}`, []string{}, ""}, {`x=`, []string(nil), ""}, {`{"x":null}`, []string(nil), ""}, {`{}`, []string(nil), ""}, {`y=`, []string(nil), ""},
		{`{"x":"a,b,c,d"}`, nil, "Ensure this field has no more than 3 elements."},
		{`{"x":"a,,文文文"}`, nil, `{"x":{"1":["Ensure this field has no more than 2 characters."]}}`},
		{`{"x":"a,\u0000"}`, nil, "Null characters are not allowed."}, {`{"x":["a"]}`, nil, noText}, {`{"x":true}`, nil, noText},
	})
	checkFields(t, func(f *Fields) []string { return f.JoinedList("x") }, []fieldCase{
		{`{"x":","}`, nil, "This list may not be empty."}, {`{"x":null}`, nil, null}, {`{}`, nil, required},
	})
}

func TestErrorsStandInTheOrderOfDeclaration(t *testing.T) {
	f := dataOf(t, `{"order_type":"zzz","doctor":"nobody"}`).Fields()
	f.String("doctor")
	f.Choice("order_type", []string{"online"})
	f.Int("count")
	f.Add("elsewhere", MsgNotUnique)
	f.Add("doctor", MsgNoSuchObject, "username", "nobody")
	f.Add("count", MsgInvalidInteger)
	refused := AsError(f.Err())
	want := `{"doctor":["Object with username=nobody does not exist."],"order_type":["\"zzz\" is not a valid choice."],` +
		`"count":["This field is required.","A valid integer is required."],"elsewhere":["This field must be unique."]}`
	if got := string(refused.Body(En)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = `{"doctor":["属性 username 为 nobody 的对象不存在。"],"order_type":["“zzz” 不是合法选项。"],` +
		`"count":["该字段是必填项。","请填写合法的整数值。"],"elsewhere":["该字段必须唯一。"]}`
	if got := string(refused.Body(ZhHans)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFieldsOfAQuery(t *testing.T) {
	f := QueryData(url.Values{"status": {"1"}, "username": {""}}).Fields()
	status := f.IntChoice("status", []int{0, 1}, Optional)
	f.String("username")
	if status != 1 || !f.OK("status") || f.OK("username") || !f.Has("username") || f.Has("page") {
		t.Errorf("status %d, %v", status, f.Err())
	}
	if got := string(AsError(f.Err()).Body(En)); got != `{"username":["This field may not be blank."]}` {
		t.Error(got)
	}
	if err := QueryData(nil).Fields().Err(); err != nil {
		t.Errorf("no query is refused: %v", err)
	}
}
