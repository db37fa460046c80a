package httpapi

import (
	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/httpapi/drf"
)

// hospitalOrderJSON is a hospital order as its patient sees it; amounts are in fen.
type hospitalOrderJSON struct {
	OrderNo       string               `json:"order_no"`
	Hospital      string               `json:"hospital"`
	Branch        string               `json:"branch"`
	Kind          hospital.Kind        `json:"kind"`
	Amount        domain.Fen           `json:"amount"`
	HisOrderNo    string               `json:"his_order_no"`
	Platform      hospital.Platform    `json:"platform"`
	RegType       *hospital.RegType    `json:"reg_type"` // null, as what follows, if it is no registration
	BookDate      *string              `json:"book_date"`
	Department    *string              `json:"department"`
	Doctor        *string              `json:"doctor"`
	Status        hospital.Status      `json:"status"`
	StatusDisplay string               `json:"status_display"`
	Paid          domain.Fen           `json:"paid"`
	Refunded      domain.Fen           `json:"refunded"` // what is on its way back included
	Refunds       []hospitalRefundJSON `json:"refunds"`
}

type hospitalRefundJSON struct {
	RefundOrderNo    string               `json:"refund_order_no"`
	HisRefundOrderNo string               `json:"his_refund_order_no"`
	AgtRefundOrderNo string               `json:"agt_refund_order_no"`
	Amount           domain.Fen           `json:"amount"`
	Status           payment.RefundStatus `json:"status"`
	CreateTime       string               `json:"create_time"`
}

func (a *API) renderHospitalOrder(o hospital.Order) hospitalOrderJSON {
	shown := hospitalOrderJSON{
		OrderNo: o.Number, Hospital: o.Hospital, Branch: o.Branch, Kind: o.Kind, Amount: o.Amount, HisOrderNo: o.HisOrderNo,
		Platform: o.Platform, Status: o.Status, StatusDisplay: o.Status.Display(), Refunds: []hospitalRefundJSON{},
	}
	if o.Kind == hospital.Registration {
		shown.RegType, shown.BookDate, shown.Department, shown.Doctor = &o.RegType, &o.BookDate, &o.Department, &o.Doctor
	}
	if paid := o.Payment(); paid != nil {
		shown.Paid = paid.Amount
		shown.Refunded = paid.Amount - o.Left()
	}
	for _, r := range o.RefundOrders {
		carrier := o.Carrier(r.No)
		shown.Refunds = append(shown.Refunds, hospitalRefundJSON{RefundOrderNo: r.No, HisRefundOrderNo: r.HisNo, AgtRefundOrderNo: carrier.ChannelNo(),
			Amount: r.Amount, Status: carrier.Status, CreateTime: drf.Time(r.At, a.Location)})
	}
	return shown
}
