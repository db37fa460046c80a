package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"orderengine/domain"
	"orderengine/eventstore/decider"
	"orderengine/gateways"
	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// numbered is the document's own form of a refusal, {"status":-4,"message":"不能结束订单"}.
type numbered struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// numberedFaults are the refusals that the document, and the notes after it, give a number.
var numberedFaults = map[domain.Code]numbered{
	domain.CannotPay:         {-1, "不能支付订单"},
	domain.CannotCancel:      {-2, "不能取消订单"},
	domain.CannotAsk:         {-3, "不能提问"},
	domain.CannotFinish:      {-4, "不能结束订单"},
	domain.CannotEvaluate:    {-5, "不能评价订单"},
	domain.CannotDestroy:     {-6, "不能删除订单"},
	domain.CannotRefund:      {-7, "不能退款"},
	domain.CannotAnswer:      {-8, "不能回答"},
	domain.InsufficientFunds: {-9, "余额不足"},
	domain.CannotStop:        {-10, "不能停诊"},
}

var (
	msgKeyReused    = drf.NewMessage("This Idempotency-Key was used for another request.", "该 Idempotency-Key 已用于另一个请求。")
	msgErased       = drf.NewMessage("The patient's data was erased.", "该患者的数据已删除。")
	msgRestricted   = drf.NewMessage("The patient's data is restricted.", "该患者的数据已限制处理。")
	msgInvalidKey   = drf.NewMessage("Idempotency-Key must be 1 to 255 visible ASCII characters.", "Idempotency-Key 必须为 1 至 255 个可见 ASCII 字符。")
	msgInvalidValue = drf.NewMessage("Invalid value: {why}", "无效值：{why}")
	msgNotOffered   = drf.NewMessage("This doctor does not offer it.", "该医生不提供此服务。")
	msgNoCharge     = drf.NewMessage("The payment platform takes no payment for this order this way. Choose another way.", "支付平台不能以此方式收取该订单的款项，请选择其他方式。")
	msgOwnOrder     = drf.NewMessage("You cannot order from yourself.", "不能向自己下单。")
)

// clientClosed is nginx's status for a client that has gone before the reply.
const clientClosed = 499

// refusal is the one table from what went wrong to what the client is told.
func (c *call) refusal(err error) (status int, body []byte) {
	if errors.Is(err, context.Canceled) && c.ctx().Err() != nil {
		return clientClosed, nil // nobody hears it, and nothing went wrong here
	}
	var fault *domain.Fault
	if errors.As(err, &fault) {
		if n, ok := numberedFaults[fault.Code]; ok {
			body, _ = drf.Marshal(n) // two plain fields
			return http.StatusBadRequest, body
		}
		err = faultError(fault)
	} else if unavailable(err) {
		c.api.Logger.Warn("a request could not be served now", "request", c.request, "error", err.Error())
		err = drf.Unavailable(time.Second)
	}
	refused := drf.AsError(err)
	if refused.Status >= http.StatusInternalServerError && refused.Status != http.StatusServiceUnavailable {
		c.api.Logger.Error("a request failed", "request", c.request, "error", err.Error())
	}
	refused.SetHeader(c.echo.Response().Header())
	return refused.Status, refused.Body(c.lang)
}

// faultError is the form of the faults that have no number.
func faultError(f *domain.Fault) error {
	switch f.Code {
	case domain.NotFound:
		return drf.NotFound()
	case domain.Forbidden:
		return drf.PermissionDenied()
	case domain.AlreadyExists:
		return drf.FieldInvalid(f.Field, drf.MsgNotUnique)
	case domain.Invalid:
		return drf.FieldInvalid(f.Field, msgInvalidValue, f.Why)
	case domain.Erased:
		return drf.NewError(http.StatusGone, msgErased)
	case domain.Restricted:
		return drf.NewError(http.StatusForbidden, msgRestricted)
	case domain.KeyReused:
		return drf.NewError(http.StatusConflict, msgKeyReused)
	default:
		return f // not in any table: a defect, and answered as one
	}
}

// unavailable says that the same request may well succeed later.
func unavailable(err error) bool {
	return decider.MayPass(err) || projections.MayPass(err) || errors.Is(err, gateways.ErrNoCharge)
}
