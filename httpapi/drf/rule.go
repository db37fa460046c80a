package drf

import "math"

// Option says what a field accepts, as the keyword arguments of DRF's fields do. A field without options must be
// present, not null and not blank.
type Option struct {
	kind   optionKind
	lo, hi int64
	text   string
}

type optionKind uint8

const (
	optOptional optionKind = iota
	optAllowNull
	optAllowBlank
	optKeepSpace
	optMaxLength
	optMaxItems
	optRange
	optDefaultText
	optDefaultNumber
)

var (
	// Optional lets a field be absent: it then has its Default, or the zero value. A list may then be empty too.
	Optional = Option{kind: optOptional}
	// AllowNull lets a field be null, which reads as the zero value.
	AllowNull = Option{kind: optAllowNull}
	// AllowBlank lets a text be blank and a list be empty.
	AllowBlank = Option{kind: optAllowBlank}
	// KeepSpace leaves white space around a text as it is (trim_whitespace=False, as for passwords).
	KeepSpace = Option{kind: optKeepSpace}
)

// MaxLength bounds a text, or each text of a list, to n characters.
func MaxLength(n int) Option { return Option{kind: optMaxLength, hi: int64(n)} }

// MaxItems bounds the length of a list; without it the bound is 1000.
func MaxItems(n int) Option { return Option{kind: optMaxItems, hi: int64(n)} }

// Between bounds a number, both ends included; an amount in fen.
func Between(lo, hi int64) Option { return Option{kind: optRange, lo: lo, hi: hi} }

// Default makes a field optional and gives its value if it is absent; an amount in fen.
func Default[T string | int | int64 | bool](value T) Option {
	switch value := any(value).(type) {
	case string:
		return Option{kind: optDefaultText, text: value}
	case int:
		return Option{kind: optDefaultNumber, lo: int64(value)}
	case int64:
		return Option{kind: optDefaultNumber, lo: value}
	case bool:
		if value {
			return Option{kind: optDefaultNumber, lo: 1}
		}
	}
	return Option{kind: optDefaultNumber}
}

// maxListItems bounds a list that sets no bound of its own; a form can hold no more fields than that either.
const maxListItems = maxFormFields

// rule is what the options of a field add up to.
type rule struct {
	optional, null, blank, keepSpace bool
	maxLength, maxItems              int
	lo, hi                           int64
	text                             string // the default of a text
	number                           int64  // the default of a number; 1 for true
}

func newRule(options []Option) rule {
	r := rule{
		maxLength: math.MaxInt, maxItems: maxListItems, lo: math.MinInt64, hi: math.MaxInt64,
	}
	for _, o := range options {
		r.apply(o)
	}
	return r
}

func (r *rule) apply(o Option) {
	switch o.kind {
	case optOptional:
		r.optional = true
	case optAllowNull:
		r.null = true
	case optAllowBlank:
		r.blank = true
	case optKeepSpace:
		r.keepSpace = true
	case optMaxLength:
		r.maxLength = int(o.hi)
	case optMaxItems:
		r.maxItems = int(o.hi)
	case optRange:
		r.lo, r.hi = o.lo, o.hi
	case optDefaultText:
		r.optional, r.text = true, o.text
	case optDefaultNumber:
		r.optional, r.number = true, o.lo
	}
}
