package drf

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
)

// Fields reads the values of a request one by one, as a DRF Serializer does, and gathers what is wrong with them. Every
// read gives the zero value for a field that is refused; [Fields.Err] at the end tells whether there was any.
// It is for one goroutine.
type Fields struct {
	data     *Data
	declared []string
	errs     []FieldError
}

// Fields begins to read the data.
func (d *Data) Fields() *Fields { return &Fields{data: d} }

// Err is nil, or the *Error (400) that lists the refused fields in the order in which they were first read.
func (f *Fields) Err() error {
	if f.data.rejected != nil {
		return f.data.rejected
	}
	if len(f.errs) == 0 {
		return nil
	}
	errs := slices.Clone(f.errs)
	slices.SortStableFunc(errs, func(a, b FieldError) int { return f.place(a.Field) - f.place(b.Field) })
	return &Error{Status: http.StatusBadRequest, Fields: errs}
}

// place is where a field was declared; those that never were come last.
func (f *Fields) place(name string) int {
	if i := slices.Index(f.declared, name); i >= 0 {
		return i
	}
	return len(f.declared)
}

// Add adds an error that the caller found: a user that does not exist, a pk that belongs to somebody else. The name may
// be [NonFieldErrors].
func (f *Fields) Add(name string, m *Message, args ...any) {
	f.add(name, m.With(args...))
}

func (f *Fields) add(name string, texts ...Text) {
	for i := range f.errs {
		if f.errs[i].Field == name {
			f.errs[i].Texts = append(f.errs[i].Texts, texts...)
			return
		}
	}
	f.errs = append(f.errs, FieldError{Field: name, Texts: texts})
}

// OK reports whether nothing has been found wrong with a field so far, so that it is worth a look-up.
func (f *Fields) OK(name string) bool {
	wrong := func(e FieldError) bool { return e.Field == name }
	return f.data.rejected == nil && !slices.ContainsFunc(f.errs, wrong)
}

// Has reports whether the request carries the field at all, be it blank or null.
func (f *Fields) Has(name string) bool {
	_, inForm := f.data.form[name]
	_, inJSON := f.data.object[name]
	return inForm || inJSON || f.data.files[name]
}

// String reads a CharField: trimmed; a number is taken as its text.
func (f *Fields) String(name string, options ...Option) string {
	r, v, ok := f.take(name, options)
	if !ok {
		return r.text
	}
	text, problems := toText(v, &r)
	if problems != nil {
		f.add(name, problems...)
	}
	return text
}

// Choice reads a ChoiceField of texts.
func (f *Fields) Choice(name string, choices []string, options ...Option) string {
	r, v, ok := f.take(name, options)
	if !ok {
		return r.text
	}
	text := pyStr(v)
	if !slices.Contains(choices, text) && !(v == "" && r.blank) {
		f.Add(name, MsgInvalidChoice, text)
		return ""
	}
	return text
}

// Int reads an IntegerField.
func (f *Fields) Int(name string, options ...Option) int64 {
	r, v, ok := f.take(name, options)
	if !ok {
		return r.number
	}
	n, problem := toInt(v)
	if problem == nil && n >= r.lo && n <= r.hi && n > math.MinInt64 && n < math.MaxInt64 {
		return n
	}
	switch {
	case problem != nil:
		f.Add(name, problem)
	case n > r.hi || n == math.MaxInt64:
		f.Add(name, MsgMaxValue, r.hi)
	default:
		f.Add(name, MsgMinValue, r.lo)
	}
	return 0
}

// IntChoice reads an integer that must be one of the choices: what is no integer is refused as by an IntegerField,
// another integer as by a ChoiceField.
func (f *Fields) IntChoice(name string, choices []int, options ...Option) int {
	r, v, ok := f.take(name, options)
	if !ok {
		return int(r.number)
	}
	n, problem := toInt(v)
	switch {
	case problem != nil:
		f.Add(name, problem)
	case !slices.Contains(choices, int(n)):
		f.Add(name, MsgInvalidChoice, pyStr(v))
	default:
		return int(n)
	}
	return 0
}

// Bool reads a BooleanField. A form leaves an unchecked box out, so there absent means false.
func (f *Fields) Bool(name string, options ...Option) bool {
	if f.data.form != nil && !f.Has(name) {
		options = append(slices.Clip(options), Optional)
	}
	r, v, ok := f.take(name, options)
	if !ok {
		return r.number != 0
	}
	value, ok := toBool(v)
	if !ok {
		f.Add(name, MsgInvalidBoolean)
	}
	return value
}

// Decimal2 reads a DecimalField with two places: an amount of yuan as a text or a number, given back in fen. It is
// exact; more than two places, or more digits than allowed, are refused and never rounded.
func (f *Fields) Decimal2(name string, options ...Option) int64 {
	r, v, ok := f.take(name, options)
	if !ok {
		return r.number
	}
	fen, problem := toFen(v, &r)
	if problem != nil {
		f.add(name, *problem)
	}
	return fen
}

// PK reads a PrimaryKeyRelatedField. Whether there is such an object, the caller finds out: see [MsgInvalidPK].
func (f *Fields) PK(name string, options ...Option) int64 {
	r, v, ok := f.take(name, options)
	if !ok {
		return r.number
	}
	if v == "" { // RelatedField.run_validation
		if !r.null {
			f.Add(name, MsgNull)
		}
		return 0
	}
	pk, problem := toPK(v)
	if problem != nil {
		f.add(name, *problem)
	}
	return pk
}

// PKs reads a PrimaryKeyRelatedField(many=True): a JSON list or a form's repeated field, and besides what DRF takes also
// one text with commas. A pk that comes twice is given once.
func (f *Fields) PKs(name string, options ...Option) []int64 {
	_, items, ok := f.takeList(name, options, f.pkItems)
	if !ok {
		return nil
	}
	pks := make([]int64, 0, len(items))
	for _, item := range items {
		pk, problem := toPK(item)
		if problem != nil {
			f.add(name, *problem)
			return nil
		}
		if !slices.Contains(pks, pk) {
			pks = append(pks, pk)
		}
	}
	return pks
}

// StringDict reads a DictField of CharFields: a JSON object, which a form writes as text. The options for texts hold for
// every item; errors stand under the items' keys.
func (f *Fields) StringDict(name string, options ...Option) map[string]string {
	r, v, ok := f.take(name, options)
	if !ok {
		return nil
	}
	if text, isText := v.(string); isText && f.data.form != nil {
		if parsed, err := parseJSON(text); err == nil {
			v = parsed
		}
	}
	items, isDict := v.(map[string]any)
	if !isDict {
		f.Add(name, MsgNotADict, pyType(v))
		return nil
	}
	if !f.fits(name, len(items), &r) {
		return nil
	}
	texts := make(map[string]string, len(items))
	var wrong []FieldError
	for _, key := range slices.Sorted(maps.Keys(items)) {
		var problems []Text
		if texts[key], problems = toText(items[key], &r); problems != nil {
			wrong = append(wrong, FieldError{Field: key, Texts: problems})
		}
	}
	if wrong != nil {
		f.errs = append(f.errs, FieldError{Field: name, Items: wrong})
		return nil
	}
	return texts
}

// StringList reads a ListField of CharFields: a JSON list, or a form's field that is repeated or numbered (`name[0]`).
// The options for texts hold for every item; errors stand under the items' indexes.
func (f *Fields) StringList(name string, options ...Option) []string {
	r, items, ok := f.takeList(name, options, f.textItems)
	if !ok {
		return nil
	}
	return f.texts(name, items, &r)
}

// JoinedList is StringList for a CharField that holds the texts between commas; blank ones are left out.
func (f *Fields) JoinedList(name string, options ...Option) []string {
	r, v, ok := f.take(name, options)
	if !ok {
		return nil
	}
	joined, problems := toText(v, &rule{blank: true, maxLength: math.MaxInt})
	if problems != nil {
		f.add(name, problems...)
		return nil
	}
	items := slices.DeleteFunc(splitList(joined), func(item any) bool { return item == "" })
	if !f.fits(name, len(items), &r) {
		return nil
	}
	return f.texts(name, items, &r)
}

// texts are the items of a list of CharFields.
func (f *Fields) texts(name string, items []any, r *rule) []string {
	texts := make([]string, len(items))
	var wrong []FieldError
	for i, item := range items {
		var problems []Text
		if texts[i], problems = toItem(item, r); problems != nil {
			wrong = append(wrong, FieldError{Field: strconv.Itoa(i), Texts: problems})
		}
	}
	if wrong != nil {
		f.errs = append(f.errs, FieldError{Field: name, Items: wrong})
		return nil
	}
	return texts
}
