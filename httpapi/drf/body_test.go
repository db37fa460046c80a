package drf

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

const testLimit = 1 << 20

// request makes a request with a body of the type, and of a known length.
func request(method, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// multipartBody writes fields as name, value, name, value…; a value "@x" is a file of the name x.
func multipartBody(t testing.TB, pairs ...string) (contentType, body string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		var part io.Writer
		var err error
		if file, ok := strings.CutPrefix(pairs[i+1], "@"); ok {
			part, err = w.CreateFormFile(pairs[i], file)
		} else {
			part, err = w.CreateFormField(pairs[i])
		}
		if err == nil {
			_, err = io.WriteString(part, pairs[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), buf.String()
}

// readOrder is what a handler does, and sums up what it read.
func readOrder(d *Data) (string, error) {
	f := d.Fields()
	doctor := f.String("doctor", MaxLength(150))
	kind := f.Choice("order_type", []string{"online", "monthly"})
	return doctor + "/" + kind, f.Err()
}

func TestParseBodyTakesEveryTypeOnEveryMethod(t *testing.T) {
	multipartType, multipartText := multipartBody(t, "doctor", "阳光 医生", "order_type", "online")
	for contentType, body := range map[string]string{
		"application/json":                                `{"doctor":"阳光 医生","order_type":"online"}`,
		"application/json; charset=utf-8":                 `{"doctor":"\u9633\u5149 \u533b\u751f","order_type":"online"}`,
		"Application/JSON;charset=UTF-8":                  ` {"doctor":"x","doctor":"阳光 医生","order_type":"online"} `,
		"application/x-www-form-urlencoded":               "doctor=%E9%98%B3%E5%85%89+%E5%8C%BB%E7%94%9F&order_type=online",
		"application/x-www-form-urlencoded;charset=utf-8": "&order_type=x&doctor=阳光%20医生&order_type=online&",
		multipartType:                                     multipartText,
	} {
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			data, err := ParseBody(request(method, contentType, body), testLimit)
			if err != nil {
				t.Errorf("%s %s: %v", method, contentType, err)
				continue
			}
			if got, err := readOrder(data); err != nil || got != "阳光 医生/online" {
				t.Errorf("%s %s: %s, %v", method, contentType, got, err)
			}
			if string(data.Raw) != body {
				t.Errorf("%s %s: raw %q", method, contentType, data.Raw)
			}
		}
	}
}

func TestParseBodyWithoutABody(t *testing.T) {
	want := `{"doctor":["This field is required."],"order_type":["This field is required."]}`
	for _, contentType := range []string{"", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/xml"} {
		for _, chunked := range []bool{false, true} {
			r := request("POST", contentType, "")
			if chunked {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1
			}
			data, err := ParseBody(r, testLimit)
			if err != nil {
				t.Errorf("%q: %v", contentType, err)
				continue
			}
			if _, err := readOrder(data); err == nil || string(AsError(err).Body(En)) != want {
				t.Errorf("%q: %v", contentType, err)
			}
		}
	}
}

func TestParseBodyRefuses(t *testing.T) {
	header := strings.Repeat("x", maxPartHeader)
	for _, tt := range []struct {
		contentType, body string
		status            int
		detail            string
	}{
		{"text/xml", "<a/>", 415, `Unsupported media type "text/xml" in request.`},
		{"text/plain; charset=utf-8", "a", 415, `Unsupported media type "text/plain; charset=utf-8" in request.`},
		{"", "a=1", 415, `Unsupported media type "" in request.`},
		{"application/json", "{", 400, "JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
		{"application/json", " ", 400, "JSON parse error - Expecting value: line 1 column 2 (char 1)"},
		{"application/x-www-form-urlencoded", "doctor=%FF", 400,
			`Form parse error - field "doctor" is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte`},
		{"application/x-www-form-urlencoded", "%FF=1", 400,
			`Form parse error - a field's name is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte`},
		{"application/x-www-form-urlencoded", strings.Repeat("a=&", 1001), 400,
			"Form parse error - The number of GET/POST parameters exceeded the limit."},
		{"multipart/form-data", "--x--", 400, "Multipart form parse error - Invalid boundary in multipart: None"},
		{"multipart/form-data; boundary=", "--x--", 400, "Multipart form parse error - Invalid boundary in multipart: None"},
		{"multipart/form-data; boundary=\"x \"", "--x--", 400, "Multipart form parse error - Invalid boundary in multipart: x "},
		{"multipart/form-data; boundary=x", "no parts", 400, "Multipart form parse error - NextPart: EOF"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\ncut short", 400,
			"Multipart form parse error - unexpected EOF"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--", 400,
			`Multipart form parse error - field "a" is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte`},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a; filename=\"\xff\"\r\n\r\n\r\n--x--", 400,
			`Multipart form parse error - field "a" is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte`},
		{"multipart/form-data; boundary=x", "--x\r\nX: " + header + "\r\n\r\n\r\n--x--", 400,
			"Multipart form parse error - the header of a part is larger than 8192 bytes"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--x--", 400,
			`Multipart form parse error - field "a" has a Content-Transfer-Encoding that is not supported`},
		{"multipart/form-data; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n", 1001) + "--x--", 400,
			"Multipart form parse error - The number of GET/POST parameters exceeded the limit."},
	} {
		data, err := ParseBody(request("POST", tt.contentType, tt.body), testLimit)
		refused := AsError(err)
		if refused == nil || refused.Status != tt.status || refused.Detail.In(En) != tt.detail {
			t.Errorf("%s %.40q: %v, %v", tt.contentType, tt.body, data, err)
		}
	}
}

func TestParseBodyThatIsNoObject(t *testing.T) {
	for body, want := range map[string]string{
		`[{"doctor":"a"}]`: `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`,
		`"a"`:              `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`,
		`1`:                `{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}`,
		`1.0`:              `{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}`,
		`true`:             `{"non_field_errors":["Invalid data. Expected a dictionary, but got bool."]}`,
		`null`:             `{"non_field_errors":["No data provided"]}`,
	} {
		data, err := ParseBody(request("POST", "application/json", body), testLimit)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		got, err := readOrder(data)
		if err == nil || got != "/" || string(AsError(err).Body(En)) != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
		if f := data.Fields(); f.OK("doctor") || f.Int("n", Default(5)) != 0 || f.Bool("b") || f.PKs("p") != nil || f.StringList("l") != nil {
			t.Errorf("%s: fields can be read", body)
		}
	}
}

func TestMultipartParts(t *testing.T) {
	contentType, body := multipartBody(t, "doctor", "a", "doctor", "b", "file_list", "@1.jpg", "scores", "@5")
	data, err := ParseBody(request("PUT", contentType, body), testLimit)
	if err != nil {
		t.Fatal(err)
	}
	f := data.Fields()
	if got := f.String("doctor"); got != "b" {
		t.Errorf("doctor is %q", got)
	}
	if !f.Has("file_list") || f.Has("file") {
		t.Error("Has does not see files as fields")
	}
	f.StringList("file_list")
	f.IntChoice("scores", []int{5})
	f.PKs("drug", Optional)
	want := `{"file_list":["Not a valid string."],"scores":["Not a valid string."]}`
	if got := string(AsError(f.Err()).Body(En)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestMultipartPassesOverWhatHasNoName(t *testing.T) {
	body := strings.ReplaceAll(`--x
Content-Disposition: form-data

nameless
--x
Content-Type: text/plain

without a disposition
--x
Content-Disposition: form-data; name="chosen"; filename=""
Content-Type: application/octet-stream


--x
Content-Disposition: form-data; name="plain"
Content-Transfer-Encoding: 8BIT

=3D中
--x--
`, "\n", "\r\n")
	data, err := ParseBody(request("POST", `multipart/form-data; boundary="x"`, body), testLimit)
	if err != nil {
		t.Fatal(err)
	}
	f := data.Fields()
	if got := f.String("plain"); got != "=3D中" || f.Has("chosen") || len(data.form) != 1 {
		t.Errorf("plain is %q of %v", got, data.form)
	}
}

func TestParseBodyLimit(t *testing.T) {
	for _, tt := range []struct {
		size    int
		chunked bool
		status  int
	}{{100, false, 0}, {100, true, 0}, {101, false, 413}, {101, true, 413}} {
		r := request("POST", "application/json", `"`+strings.Repeat("x", tt.size-2)+`"`)
		if tt.chunked {
			r.ContentLength = -1
		}
		_, err := ParseBody(r, 100)
		if refused := AsError(err); (refused != nil) != (tt.status != 0) || refused != nil && refused.Status != tt.status {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// endless is a body that never ends and counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func TestParseBodyStopsAtTheLimit(t *testing.T) {
	source := &endless{}
	r := httptest.NewRequest("POST", "/", source)
	r.ContentLength = -1
	if _, err := ParseBody(r, 64<<10); AsError(err).Status != 413 || source.read > 64<<10+1 {
		t.Errorf("%d bytes were read: %v", source.read, err)
	}
	source.read = 0
	r.ContentLength = 10 << 20
	if _, err := ParseBody(r, 64<<10); AsError(err).Status != 413 || source.read != 0 {
		t.Errorf("%d bytes were read: %v", source.read, err)
	}
}

func TestParseBodyGivesNoMemoryOnTrust(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.ContentLength = 64 << 20
	r.Header.Set("Content-Type", "application/json")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ParseBody(r, 64<<20); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("a body of 2 bytes took %d", got)
	}
}

func TestParseBodyThatBreaksOff(t *testing.T) {
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), brokenReader{errors.New("reset")}))
	if _, err := ParseBody(r, testLimit); AsError(err).Status != 400 || AsError(err).Detail.In(En) != "Malformed request." {
		t.Errorf("%v", err)
	}
	r = request("POST", "application/json", `{"a":"0123456789"}`)
	r.Body = http.MaxBytesReader(nil, r.Body, 5)
	if _, err := ParseBody(r, testLimit); AsError(err).Status != 413 {
		t.Errorf("%v", err)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

func TestQuery(t *testing.T) {
	r := httptest.NewRequest("GET", "/?b=&a=1&a=%E4%B8%AD+x&c&=&%zz=%4&&d=%FF;e", nil)
	want := url.Values{"a": {"1", "中 x"}, "b": {""}, "c": {""}, "": {""}, "%zz": {"%4"}, "d": {"\uFFFD;e"}}
	if got := Query(r); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"doctor=a&order_type=online", "a=%FF", "%zz=1&&==&", "a;b=+", "file_list[0]=x&drug=1,2&drug=3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		checkBody(t, "application/x-www-form-urlencoded", body)
	})
}

func FuzzBody(f *testing.F) {
	for _, seed := range [][]string{{"doctor", "a"}, {"file_list", "@x", "drug", "1,2"}, {"", ""}} {
		contentType, body := multipartBody(f, seed...)
		f.Add(contentType, body)
	}
	f.Add("application/json", `{"doctor":" a ","drug":["1",2.0,null],"amount":15.5,"n":"5.0","b":"on"}`)
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name*=utf-8''a\r\n\r\n1\r\n--x--")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		checkBody(t, contentType, body)
	})
}

// checkBody reads a body in every way and checks what must hold of any.
func checkBody(t *testing.T, contentType, body string) {
	r := request("POST", "", body)
	r.Header["Content-Type"] = []string{contentType}
	data, err := ParseBody(r, testLimit)
	if err != nil {
		checkRefusal(t, AsError(err))
		return
	}
	if string(data.Raw) != body {
		t.Fatal("the raw body is not the body")
	}
	f := data.Fields()
	texts := append(f.StringList("file_list", MaxItems(9)), f.String("doctor", MaxLength(9)), f.Choice("order_type", []string{"online"}))
	pks := append(f.PKs("drug"), 1)
	f.Int("n", Between(1, 5))
	f.Bool("b")
	fen := f.Decimal2("amount", Between(-999_999_999, 999_999_999))
	for _, text := range texts {
		if !utf8.ValidString(text) || pyStrip(text) != text || strings.ContainsRune(text, 0) {
			t.Fatalf("a text that may not be: %q", text)
		}
	}
	for _, pk := range pks {
		if pk < 1 {
			t.Fatalf("a pk that may not be: %d", pk)
		}
	}
	if fen >= 1e9 || fen <= -1e9 {
		t.Fatalf("an amount beyond its bounds: %d", fen)
	}
	if err := f.Err(); err != nil {
		checkRefusal(t, AsError(err))
	}
}

// checkRefusal checks that an error is the client's and reads as JSON.
func checkRefusal(t *testing.T, refused *Error) {
	if refused.Status != 400 && refused.Status != 415 {
		t.Fatalf("wrong status: %v", refused)
	}
	for _, lang := range []Lang{En, ZhHans} {
		if _, err := parseJSON(string(refused.Body(lang))); err != nil {
			t.Fatalf("the body is no JSON: %v: %s", err, refused.Body(lang))
		}
	}
}

func BenchmarkFormBody(b *testing.B) {
	const body = "order_type=online&doctor=doctor1"
	b.ReportAllocs()
	for b.Loop() {
		r := &http.Request{Method: "POST", ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
		data, err := ParseBody(r, testLimit)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := readOrder(data); err != nil {
			b.Fatal(err)
		}
	}
}
