package xmlapi

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/google/uuid"

	"orderengine/domain/account"
	"orderengine/domain/card"
	"orderengine/domain/hospital"
	"orderengine/domain/message"
)

// The document's values of voucherType (2.5.1).
const (
	byCard  = 1
	byOrder = 2
)

// msgPush is 消息推送 (2.5): the message is recorded; the reactor sends it. The same message on the same day is sent
// once, for nobody is helped by being told twice what a hospital's system said twice.
func (c *call) msgPush() error {
	p := &c.params
	voucherType := p.must("voucherType", byCard, byOrder)
	voucher := p.number("voucherCode")
	code := p.required("eventCode", maxText)
	event, known := message.EventOf(code)
	if p.err == nil && (!known || event.Code != message.Waiting && event.Code != message.Unpaid) {
		p.wrong("eventCode", "%s，须为 %s 或 %s", cut(code), message.Waiting, message.Unpaid)
	}
	values := c.eventParams(event)
	if p.err != nil {
		return p.err
	}
	template, ok := message.Template(c.hospital.Templates, event.Code)
	if !ok {
		return notAllowed(fmt.Sprintf("eventCode：%s，本医院未配置该事件的消息模板", event))
	}
	patient, err := c.patientOf(voucherType, voucher)
	if err != nil {
		return err
	}
	return c.compose(message.Content{Hospital: c.hospital.Code, Event: event.Code, Patient: patient, Voucher: voucher, At: c.at},
		message.Text{Params: values, Text: message.Render(template, values)})
}

// compose records the message.
func (c *call) compose(m message.Content, text message.Text) error {
	parts := []string{m.Hospital, m.Voucher, c.at.In(hospital.Zone).Format(hospital.DateLayout), m.Event}
	event, _ := message.EventOf(m.Event)
	for _, name := range event.Params {
		parts = append(parts, strconv.Quote(text.Params[name]))
	}
	m.ID = uuid.NewSHA1(messageSpace, c.api.Vault.Keys.MAC(parts...)).String()
	before, err := c.api.Messages.Load(c.ctx, m.ID)
	if err != nil {
		return err
	}
	if before.State.Composed() {
		return repeated("该消息今日已推送")
	}
	if m.Text, err = c.api.Vault.Seal(c.ctx, c.caller(uuid.New()), m.Patient, m.Purpose(), text); account.IsWithheld(err) {
		return notAllowed("该患者的数据已删除或已限制处理，不能推送消息")
	} else if err != nil {
		return err
	}
	composed, err := c.api.Messages.Execute(c.ctx, m.ID, c.caller(uuid.New()), message.Compose{Content: m})
	if err != nil {
		return err
	}
	if !composed.State.At.Equal(m.At) {
		return repeated("该消息今日已推送") // the same request was faster
	}
	c.await(composed.Position)
	c.reply()
	return nil
}

// messageSpace makes the ids of messages; it never changes, or a message could be sent twice.
var messageSpace = uuid.MustParse("a4c9c1f2-55c7-4b0e-8d5f-6c7f0e1b2a39")

// patientOf is who the voucher names.
func (c *call) patientOf(voucherType int, voucher string) (string, error) {
	if voucherType == byCard {
		found, err := c.api.Cards.Load(c.ctx, card.ID(c.hospital.Code, card.Diagnosis, voucher))
		if err == nil && found.State.Patient == "" {
			err = nothingFound("未查询到诊疗卡 " + cut(voucher))
		}
		return found.State.Patient, err
	}
	found, err := c.order(voucher)
	o := found.State
	switch {
	case err != nil:
		return "", err
	case o.Kind != hospital.Registration:
		return "", nothingFound("未查询到挂号订单 " + cut(voucher))
	case o.Patient == "":
		return "", nothingFound("挂号订单 " + cut(voucher) + " 没有可通知的患者")
	default:
		return o.Patient, nil
	}
}

var countPattern = regexp.MustCompile(`^[0-9]{1,6}$`)

// eventParams reads the parameters of an event (2.5.2), each of which must be there.
func (c *call) eventParams(event message.Event) map[string]string {
	p := &c.params
	inner, ok := p.from.Child("eventParams")
	if !ok || len(inner.Names()) == 0 {
		p.wrong("eventParams", "缺少必输参数")
		return nil
	}
	of := params{from: inner, err: p.err}
	values := map[string]string{}
	for _, name := range event.Params {
		switch name {
		case "payAmout":
			values[name] = of.yuan(name)
		case "patCardType":
			values[name] = strconv.Itoa(of.must(name, 1, card.MaxType))
		case "currentNum":
			if values[name] = of.required(name, maxText); values[name] != "" && !countPattern.MatchString(values[name]) {
				of.wrong(name, "%s，须为人数", cut(values[name]))
			}
		case "patCardNo", "hisOrderNo":
			values[name] = of.number(name)
		default:
			values[name] = of.required(name, maxText)
		}
	}
	if p.err == nil {
		p.err = of.err
	}
	return values
}
