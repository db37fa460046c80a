package xmlapi

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/xmlapi/envelope"
)

// Lengths in characters.
const (
	maxText   = 200
	maxNumber = hospital.MaxForeign
)

// params read the parameters of a method. The first that is wrong is what the caller is told of; after it all are
// empty.
type params struct {
	from *envelope.Params
	err  error
}

func (p *params) wrong(name, why string, args ...any) {
	if p.err == nil {
		p.err = notAllowed(name + "：" + fmt.Sprintf(why, args...))
	}
}

// optional is a text, otherwise if it is missing or blank.
func (p *params) optional(name string, max int, otherwise string) string {
	value, _ := p.from.Text(name)
	if child, ok := p.from.Child(name); ok && len(child.Names()) > 0 {
		p.wrong(name, "须为文本")
		return ""
	}
	if value == "" {
		return otherwise
	}
	if utf8.RuneCountInString(value) > max {
		p.wrong(name, "%s，超过 %d 个字符", cut(value), max)
		return ""
	}
	return value
}

// required is a text that must be there.
func (p *params) required(name string, max int) string {
	value := p.optional(name, max, "")
	if value == "" {
		p.wrong(name, "缺少必输参数")
	}
	return value
}

// number is a required text without space.
func (p *params) number(name string) string {
	value := p.required(name, maxNumber)
	if len(value) > hospital.MaxForeignBytes {
		p.wrong(name, "%s，超过 %d 个字节（UTF-8）", cut(value), hospital.MaxForeignBytes)
		return ""
	}
	if value != "" && !hospital.ForeignPattern.MatchString(value) {
		p.wrong(name, "%q，不能含有空白或控制字符", value)
		return ""
	}
	return value
}

// choice is one of the numbers from first to last; a missing one is otherwise, if that is one.
func (p *params) choice(name string, first, last, otherwise int) int {
	value := p.optional(name, maxText, "")
	if value == "" {
		if otherwise < first {
			p.wrong(name, "缺少必输参数")
		}
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < first || n > last || strconv.Itoa(n) != value {
		p.wrong(name, "%s，须为 %d 至 %d", cut(value), first, last)
		return otherwise
	}
	return n
}

// must is a choice that must be made.
func (p *params) must(name string, first, last int) int { return p.choice(name, first, last, first-1) }

// fen is an amount in fen, above 0 (1.3.2).
func (p *params) fen(name string) domain.Fen {
	value := p.required(name, maxText)
	n, err := strconv.ParseInt(value, 10, 64)
	if value != "" && (err != nil || n <= 0 || n > int64(domain.MaxFen) || strconv.FormatInt(n, 10) != value) {
		p.wrong(name, "%s，须为正整数（单位：分）", cut(value))
	}
	return domain.Fen(n)
}

var yuanPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})(\.[0-9]{1,2})?$`)

// yuan is an amount in yuan, with up to two decimals.
func (p *params) yuan(name string) string {
	value := p.required(name, maxText)
	if value != "" && !yuanPattern.MatchString(value) {
		p.wrong(name, "%s，须为金额（单位：元，至多两位小数）", cut(value))
	}
	return value
}

func (p *params) time(name string) time.Time {
	return p.moment(name, hospital.ParseTime, "YYYY-MM-DD HH:mm:ss")
}

// tradeTime is a time that a trade can have.
func (p *params) tradeTime(name string) time.Time {
	t := p.time(name)
	if p.err == nil && !hospital.Plausible(t) {
		p.wrong(name, "%s，须在 2000 年至 2099 年之间", t.Format(hospital.TimeLayout))
	}
	return t
}

func (p *params) date(name string) time.Time {
	return p.moment(name, hospital.ParseDate, "YYYY-MM-DD")
}

func (p *params) moment(name string, parse func(string) (time.Time, bool), form string) time.Time {
	value := p.required(name, maxText)
	t, ok := parse(value)
	if value != "" && !ok {
		p.wrong(name, "%s，格式须为 %s", cut(value), form)
	}
	return t
}

// ordered refuses a span whose ends are reversed.
func (p *params) ordered(from, to string, first, last time.Time) {
	if p.err == nil && last.Before(first) {
		begin, _ := p.from.Text(from)
		end, _ := p.from.Text(to)
		p.wrong(to, "%s，早于 %s %s", end, from, begin)
	}
}

// list is the items of a text between commas, each once, in order.
func (p *params) list(name string) []string {
	text, _ := p.from.Text(name)
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	if len(items) == 0 {
		p.wrong(name, "缺少必输参数")
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(items, func(item string) bool {
		twice := seen[item]
		seen[item] = true
		return twice
	})
}

// cut shortens a value that is quoted in a description.
func cut(value string) string {
	if utf8.RuneCountInString(value) <= maxNumber {
		return value
	}
	return string([]rune(value)[:maxNumber]) + "…"
}
