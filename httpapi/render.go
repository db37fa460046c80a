package httpapi

import (
	"context"
	"slices"

	"orderengine/domain/account"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/httpapi/drf"
)

// The forms below are the document's: its keys, in its order.

type recordJSON struct {
	PK          int64  `json:"pk"`
	OrderNumber string `json:"order_number"`
	CreateTime  string `json:"create_time"`
}

type paymentJSON struct {
	Status  int             `json:"status"`
	Message string          `json:"message"`
	Charge  *payment.Charge `json:"charge"`
}

// The document's texts for its codes.
var (
	statusDisplay = [...]string{"待支付", "已支付", "待回答", "已回答", "待评价", "已评价", "取消"}
	scoresDisplay = [...]string{"", "一星", "二星", "三星", "四星", "五星"}

	channelDisplay = map[payment.Channel]string{payment.Alipay: "支付宝", payment.WX: "微信", payment.Balance: "余额"}
	typeDisplay    = map[qa.OrderType]string{qa.Online: "在线咨询", qa.Monthly: "包月服务"}
)

// people are users by name.
type people = map[string]account.Person

// Directory gives users by name; who is not known is left out.
type Directory func(ctx context.Context, usernames ...string) (people, error)

// parties are all who stand in the orders.
func parties(ctx context.Context, who Directory, orders ...qa.Order) (people, error) {
	names := make([]string, 0, 2*len(orders))
	for i := range orders {
		o := &orders[i]
		if i == 0 || o.Patient != orders[i-1].Patient { // one side is the same all over most lists
			names = append(names, o.Patient)
		}
		if i == 0 || o.Doctor != orders[i-1].Doctor {
			names = append(names, o.Doctor)
		}
	}
	return who.each(ctx, names)
}

// each asks for users once each, however often they are named.
func (d Directory) each(ctx context.Context, usernames []string) (people, error) {
	slices.Sort(usernames)
	return d(ctx, slices.Compact(usernames)...)
}

// orderWriter writes an order, or a part of one, with the people who stand in it.
type orderWriter func(w *drf.Writer, o qa.Order, who people)

// writeOrder writes the document's order object, writeMembers what stands in it.
func (c *call) writeOrder(w *drf.Writer, o qa.Order, who people) {
	w.Begin('{')
	c.writeMembers(w, o, who)
	w.End('}')
}

func (c *call) writeMembers(w *drf.Writer, o qa.Order, who people) {
	w.Name("pk").Int(o.PK)
	writeProfile(w.Name("patient"), who[o.Patient])
	writeProfile(w.Name("doctor"), who[o.Doctor])
	c.writeQuestion(w.Name("question"), o, who)
	c.writeAnswer(w.Name("answer"), o, who)
	w.Name("order_number").String(o.Number)
	w.Name("amount").String(o.Amount.Yuan())
	w.Name("status").Int(int64(o.Status))
	w.Name("status_display").String(statusDisplay[o.Status])
	w.Name("channel").String(string(o.Channel()))
	w.Name("channel_display").String(channelDisplay[o.Channel()])
	w.Name("order_type").String(string(o.Type))
	w.Name("order_type_display").String(typeDisplay[o.Type])
	w.Name("create_time").Time(o.At, c.api.Location)
}

// writeCharged writes an order with the charge that paid it, or else with the newest, and with the others: money that was
// not wanted may have come through them.
func (c *call) writeCharged(w *drf.Writer, o qa.Order, who people) {
	w.Begin('{')
	c.writeMembers(w, o, who)
	w.Name("charge").Value(o.NewestCharge())
	w.Name("other_charges").Value(o.Bill().OtherCharges())
	w.End('}')
}

func writeProfile(w *drf.Writer, p account.Person) {
	w.Begin('{')
	w.Name("owner").String(p.Username)
	w.Name("invitation_code").String(p.InvitationCode)
	w.Name("name").String(p.Name)
	w.Name("avatar").String(p.Avatar)
	w.End('}')
}

// writeQuestion writes the document's question object, null before there is one.
func (c *call) writeQuestion(w *drf.Writer, o qa.Order, who people) {
	q := o.Question
	if q == nil {
		w.Null()
		return
	}
	said := c.said(w, who[o.Patient], q.Purpose(o.Number), q.Text)
	w.Begin('{')
	w.Name("pk").Int(q.PK)
	writeProfile(w.Name("owner"), who[o.Patient])
	w.Name("order").String(o.Number)
	said.text("allergy_history")
	said.text("smoke_history")
	said.text("condition_description")
	said.list("file_list", "files")
	said.joined("desc_files", "files")
	w.Name("create_time").Time(q.At, c.api.Location)
	said.why()
	w.End('}')
}

// writeAnswer writes the document's answer object, null before there is one.
func (c *call) writeAnswer(w *drf.Writer, o qa.Order, who people) {
	a := o.Answer
	if a == nil {
		w.Null()
		return
	}
	said := c.said(w, who[o.Patient], a.Purpose(o.Number), a.Text)
	w.Begin('{')
	w.Name("pk").Int(a.PK)
	writeProfile(w.Name("owner"), who[o.Doctor])
	w.Name("question").Int(a.Question)
	said.list("diagnosis_tag", "tags")
	said.list("drug", "drugs")
	said.text("diagnosis_result")
	said.text("extra_suggestion")
	w.Name("create_time").Time(a.At, c.api.Location)
	said.why()
	w.End('}')
}

// writeEvaluation writes the document's evaluation object.
func (c *call) writeEvaluation(w *drf.Writer, o qa.Order, who people) {
	e := o.Evaluation
	said := c.said(w, who[o.Patient], e.Purpose(o.Number), e.Text)
	w.Begin('{')
	w.Name("pk").Int(e.PK)
	writeProfile(w.Name("patient"), who[o.Patient])
	writeProfile(w.Name("doctor"), who[o.Doctor])
	w.Name("scores").Int(int64(e.Scores))
	w.Name("scores_display").String(scoresDisplay[e.Scores])
	said.text("content")
	w.Name("create_time").Time(e.At, c.api.Location)
	w.Name("evaluate_type").String(string(o.Type))
	w.Name("evaluate_type_display").String(typeDisplay[o.Type])
	said.why()
	w.End('}')
}
