// Package hospital is the order of a hospital (医程通开放接口): a patient pays a registration, an outpatient bill
// or an inpatient deposit; the hospital's system refunds it, in part or in full, or stops the registration.
// Numbers of kinds, platforms and so on are those of the interface's document.
package hospital

import (
	"slices"
	"time"

	"orderengine/domain"
	"orderengine/domain/payment"
)

// Category is the first part of an order's stream name, "hospitalorder-<number>".
const Category = "hospitalorder"

// Kind is the document's orderMode and refundType.
type Kind int

const (
	Registration Kind = 1 // 挂号
	Outpatient   Kind = 2 // 门诊
	Deposit      Kind = 3 // 住院押金
)

// Kinds are all there are.
var Kinds = []Kind{Registration, Outpatient, Deposit}

// Platform is where the order was made, the document's 1.3.3: 1 to 7.
type Platform int

// Platforms are all there are.
var Platforms = []Platform{1, 2, 3, 4, 5, 6, 7}

// RegType is the document's 挂号类型.
type RegType int

const (
	SameDay RegType = 1 // 当班
	Booked  RegType = 2 // 预约
)

// RegTypes are all there are.
var RegTypes = []RegType{SameDay, Booked}

// TradeMode is how an order is paid, the document's 1.3.4.
type TradeMode int

// The trade modes, in the document's order.
const (
	Wallet    TradeMode = 1 // 医程通钱包
	UnionPay  TradeMode = 2 // 银联
	WeChat    TradeMode = 3 // 微信
	Alipay    TradeMode = 4 // 支付宝
	Insurance TradeMode = 5 // 医保
)

var channels = map[TradeMode]payment.Channel{Wallet: payment.Balance, UnionPay: payment.UnionPay, WeChat: payment.WX,
	Alipay: payment.Alipay, Insurance: payment.Insurance}

// TradeModes are all there are.
var TradeModes = []TradeMode{Wallet, UnionPay, WeChat, Alipay, Insurance}

// Channel is the way the money takes.
func (m TradeMode) Channel() payment.Channel { return channels[m] }

// ModeOf is the trade mode of a channel.
func ModeOf(c payment.Channel) TradeMode {
	for mode, channel := range channels {
		if channel == c {
			return mode
		}
	}
	return 0
}

// Status is how far an order is.
type Status int

const (
	Unpaid         Status = 0 // 待支付
	Paid           Status = 1 // 已支付
	PartlyRefunded Status = 2 // 部分退费
	Refunded       Status = 3 // 已退费
	Stopped        Status = 4 // 停诊
	Cancelled      Status = 6 // 取消
)

// Statuses are all there are.
var Statuses = []Status{Unpaid, Paid, PartlyRefunded, Refunded, Stopped, Cancelled}

var statusNames = map[Status]string{Unpaid: "unpaid", Paid: "paid", PartlyRefunded: "partly_refunded", Refunded: "refunded",
	Stopped: "stopped", Cancelled: "cancelled"}

// String is the state's name in the lifecycle's table.
func (s Status) String() string { return statusNames[s] }

var statusDisplay = map[Status]string{Unpaid: "待支付", Paid: "已支付", PartlyRefunded: "部分退费", Refunded: "已退费", Stopped: "停诊", Cancelled: "取消"}

// Display is the state for people, the notes' text.
func (s Status) Display() string { return statusDisplay[s] }

// Terms are what an order is about. They never change.
type Terms struct {
	Number     string     `json:"number"`
	Hospital   string     `json:"hospital"` // its code
	Branch     string     `json:"branch,omitempty"`
	Kind       Kind       `json:"kind"`
	Amount     domain.Fen `json:"amount"`
	HisOrderNo string     `json:"his_order_no"` // the hospital's own number
	Platform   Platform   `json:"platform"`
	RegType    RegType    `json:"reg_type,omitempty"` // this and what follows: registrations only
	BookDate   string     `json:"book_date,omitempty"`
	Department string     `json:"department,omitempty"`
	Doctor     string     `json:"doctor,omitempty"`
	Patient    string     `json:"patient,omitempty"` // username, "" if an imported order tells of none
	At         time.Time  `json:"at"`
}

// Same says that two orders are about the same, whatever their numbers are and whenever they were made.
func (t Terms) Same(other Terms) bool {
	other.Number, other.At = t.Number, t.At
	return t == other
}

// Order is what its events fold to. It is shared between goroutines: never change what it points to. The
// zero Order is one that was not placed.
type Order struct {
	Terms
	Status  Status `json:"status"`
	TraceNo string `json:"trace_no,omitempty"` // 银联系统跟踪号, as imported
	payment.Ledger
	RefundOrders []RefundOrder `json:"refund_orders,omitempty"`
	Untold       []Notice      `json:"untold,omitempty"`
	Freed        []NumberTurn  `json:"freed,omitempty"`
}

// NumberTurn is a number of the hospital's in one of the turns in which it led to an order.
type NumberTurn struct {
	HisNo string `json:"his_no"`
	Turn  int    `json:"turn"`
}

// RefundOrder is a refund as the hospital knows it. The money's way is in the ledger's refund with its No as name.
type RefundOrder struct {
	No         string     `json:"no"`               // ours, 19 digits
	HisNo      string     `json:"his_no,omitempty"` // the hospital's own number, "" for one of a stop
	Type       TradeType  `json:"type"`
	Amount     domain.Fen `json:"amount"`
	All        bool       `json:"all,omitempty"`         // asked for as 全部退费
	RefundTime string     `json:"refund_time,omitempty"` // as the hospital gave it
	Reason     string     `json:"reason"`
	Push       bool       `json:"push,omitempty"` // the patient is told
	At         time.Time  `json:"at"`
}

// Notice is what the patient is still to be told.
type Notice struct {
	ID     string     `json:"id"`
	Event  string     `json:"event"` // of package message
	Amount domain.Fen `json:"amount"`
	Reason string     `json:"reason,omitempty"`
	At     time.Time  `json:"at"`
}

// Placed says that the order exists.
func (o Order) Placed() bool { return o.Number != "" }

// Bill is the order as its money sees it.
func (o Order) Bill() payment.Bill {
	return payment.Bill{Number: o.Number, Payer: o.Patient, Amount: o.Amount, Waiting: o.Status == Unpaid, State: o.Status.String(), Ledger: o.Ledger}
}

// TradeMode is how the order was paid, 0 before.
func (o Order) TradeMode() TradeMode {
	if paid := o.Payment(); paid != nil {
		return ModeOf(paid.Channel)
	}
	return 0
}

// Left is what of the payment is neither given back nor on its way back.
func (o Order) Left() domain.Fen {
	if o.PaidBy == "" {
		return 0
	}
	return o.Refundable(o.PaidBy)
}

// RefundOrder is the refund with a number of the hospital's; ok is false if there is none.
func (o Order) RefundOrder(hisNo string) (r RefundOrder, ok bool) {
	i := slices.IndexFunc(o.RefundOrders, func(r RefundOrder) bool { return r.HisNo == hisNo })
	if i < 0 {
		return r, false
	}
	return o.RefundOrders[i], true
}

// FreedNumber says that a number of the hospital's stands for no refund of this order in a turn, and never will.
func (o Order) FreedNumber(hisNo string, turn int) bool {
	return slices.Contains(o.Freed, NumberTurn{hisNo, turn})
}

// Carrier is the refund of the ledger that brings a refund order's money back, the newest if one had to take the
// place of another.
func (o Order) Carrier(no string) payment.Refund {
	for _, r := range slices.Backward(o.Refunds) {
		if r.Name == no {
			return r
		}
	}
	return payment.Refund{}
}

// FirstChannelNo is the first number that a channel gave a refund order, "" while there is none.
func (o Order) FirstChannelNo(no string) string {
	for _, r := range o.Refunds {
		if r.Name == no && r.ChannelNo() != "" {
			return r.ChannelNo()
		}
	}
	return ""
}
