// Package message is what patients are told: a hospital's notice (msgPush, 2.5), a refund, a stop. A message is
// rendered from the hospital's template when it is composed, and then sent once.
package message

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"orderengine/domain"
)

// The events a message can be about. Those with a number are the document's 事件编码.
const (
	Waiting  = "16"     // 候诊通知
	Unpaid   = "26"     // 门诊待缴费提醒
	Refunded = "refund" // 退费通知, ours
	Stopped  = "stop"   // 停诊通知, ours
)

// Event is an event's name and the parameters that its templates may use.
type Event struct {
	Code   string
	Name   string
	Params []string
}

// Events are all there are.
var Events = []Event{
	{Waiting, "候诊通知", []string{"patName", "patCardNo", "serialNum", "currentNum", "deptName", "doctorName", "hisOrderNo", "hospitalName", "visitLocation"}},
	{Unpaid, "门诊待缴费提醒", []string{"patName", "patCardNo", "patCardType", "payType", "payAmout", "hospitalName"}},
	{Refunded, "退费通知", []string{"hospitalName", "orderNo", "amount", "reason"}},
	{Stopped, "停诊通知", []string{"hospitalName", "orderNo", "bookDate", "deptName", "doctorName", "amount"}},
}

// ours are the templates of events that no hospital has to configure.
var ours = map[string]string{
	Refunded: "{hospitalName}：您的订单 {orderNo} 的退费 {amount} 元已受理，将原路退回，原因：{reason}。",
	Stopped:  "{hospitalName}：您预约的 {bookDate} {deptName} {doctorName} 已停诊，订单 {orderNo} 的费用 {amount} 元将原路退回。",
}

// EventOf is the event with a code; ok is false if there is none.
func EventOf(code string) (e Event, ok bool) {
	i := slices.IndexFunc(Events, func(e Event) bool { return e.Code == code })
	if i < 0 {
		return e, false
	}
	return Events[i], true
}

// Template is what a hospital says about an event: its own words, or ours; ok is false if there are none.
func Template(own map[string]string, event string) (text string, ok bool) {
	if text, ok = own[event]; ok {
		return text, true
	}
	text, ok = ours[event]
	return text, ok
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// CheckTemplate refuses a template that no message can be made of. It names the event's code as the field.
func CheckTemplate(code, text string) error {
	event, ok := EventOf(code)
	if !ok {
		return domain.RefuseField(domain.Invalid, "templates", "there is no event %q", code)
	}
	if strings.TrimSpace(text) == "" {
		return domain.RefuseField(domain.Invalid, "templates", "the template of event %s is blank", code)
	}
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(event.Params, found[1]) {
			return domain.RefuseField(domain.Invalid, "templates", "event %s has no parameter %q; it has %s", code, found[1], strings.Join(event.Params, ", "))
		}
	}
	return nil
}

// Render puts the parameters into a template. What a parameter says is never taken for a placeholder.
func Render(template string, params map[string]string) string {
	return placeholder.ReplaceAllStringFunc(template, func(found string) string { return params[found[1:len(found)-1]] })
}

// String is the event for people, "16 候诊通知".
func (e Event) String() string { return fmt.Sprintf("%s %s", e.Code, e.Name) }
