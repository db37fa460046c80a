package drf

import (
	"slices"
	"strconv"
	"strings"
)

// take finds a field's value and deals with the cases that need no conversion (Field.get_value and
// validate_empty_values), and refuses a file whatever the field: DRF would try the file's name as the value. If it is
// not ok, the rule's defaults are what the field reads as.
func (f *Fields) take(name string, options []Option) (r rule, v any, ok bool) {
	r = newRule(options)
	f.declared = append(f.declared, name)
	v, present := f.value(name, &r)
	switch {
	case f.data.rejected != nil:
	case f.data.files[name]:
		f.Add(name, MsgInvalidString)
	case present && v != nil:
		return r, v, true
	case present && !r.null:
		f.Add(name, MsgNull)
	case !present && r.optional:
		return r, nil, false // with its defaults
	case !present:
		f.Add(name, MsgRequired)
	}
	r.text, r.number = "", 0
	return r, nil, false
}

// value finds a field as it was sent. HTML forms have no null and write an absent value as a blank one, so a form's
// blank is taken as null or as absent where the field allows it and does not take blanks.
func (f *Fields) value(name string, r *rule) (v any, present bool) {
	if f.data.form == nil {
		v, present = f.data.object[name]
		return v, present
	}
	values := f.data.form[name]
	if len(values) == 0 {
		return nil, false
	}
	last := values[len(values)-1]
	if last == "" && !r.blank && (r.null || r.optional) {
		return nil, r.null
	}
	return last, true
}

// takeList is take for a list; items gives those of a form, or of a value.
func (f *Fields) takeList(name string, options []Option, items func(string) ([]any, bool)) (rule, []any, bool) {
	r := newRule(options)
	if list, ok := items(name); ok {
		f.declared = append(f.declared, name)
		return r, list, f.fits(name, len(list), &r)
	}
	_, v, ok := f.take(name, options)
	if !ok {
		return r, nil, false
	}
	list, isList := v.([]any)
	if !isList {
		f.Add(name, MsgNotAList, pyType(v))
		return r, nil, false
	}
	return r, list, f.fits(name, len(list), &r)
}

// fits judges a list's length, before any work is put into its items.
func (f *Fields) fits(name string, length int, r *rule) bool {
	switch {
	case length == 0 && !r.blank && !r.optional:
		f.Add(name, MsgEmptyList)
	case length > r.maxItems:
		f.Add(name, MsgMaxItems, r.maxItems)
	default:
		return true
	}
	return false
}

// pkItems are the pks of a form, where an absent field is an empty list (ManyRelatedField.get_value), or of one text.
func (f *Fields) pkItems(name string) ([]any, bool) {
	if text, ok := f.data.object[name].(string); ok {
		return splitList(text), true
	}
	var items []any
	for _, value := range f.data.form[name] {
		items = append(items, splitList(value)...)
	}
	return items, f.data.form != nil && !f.data.files[name]
}

func splitList(text string) []any {
	if pyStrip(text) == "" {
		return nil
	}
	var items []any
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, pyStrip(item))
	}
	return items
}

// textItems are the texts of a form (ListField.get_value, html.parse_html_list); without any the field is absent.
func (f *Fields) textItems(name string) ([]any, bool) {
	var items []any
	for _, value := range f.data.form[name] {
		items = append(items, value)
	}
	if items == nil {
		items = f.numberedItems(name)
	}
	return items, items != nil && !f.data.files[name]
}

// numberedItems are those of `name[0]`, `name[1]` and so on, by rising index; gaps do not matter.
func (f *Fields) numberedItems(name string) []any {
	var indexes []int
	for key := range f.data.form {
		digits, found := strings.CutPrefix(key, name+"[")
		digits, closed := strings.CutSuffix(digits, "]")
		if index, err := strconv.Atoi(digits); found && closed && err == nil && digits == strconv.Itoa(index) && index >= 0 {
			indexes = append(indexes, index)
		}
	}
	slices.Sort(indexes)
	var items []any
	for _, index := range indexes {
		values := f.data.form[name+"["+strconv.Itoa(index)+"]"]
		items = append(items, values[len(values)-1])
	}
	return items
}
