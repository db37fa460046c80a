package qa

import (
	"orderengine/domain"
	"orderengine/domain/payment"
)

// Codec holds the stored forms. Names never change; a changed form adds an upcast from the one before.
var Codec = domain.NewCodec(
	domain.Form[OrderPlaced, Event]("OrderPlaced"),
	domain.Form[payment.PaymentRequested, Event]("PaymentRequested"),
	domain.Form[payment.PaymentDeclined, Event]("PaymentDeclined"),
	domain.Form[payment.ChargeCreated, Event]("ChargeCreated"),
	domain.Form[payment.OrderPaid, Event]("OrderPaid"),
	domain.Form[payment.SurplusReceived, Event]("SurplusReceived"),
	domain.Form[OrderCancelled, Event]("OrderCancelled"),
	domain.Form[OrderHidden, Event]("OrderHidden"),
	domain.Form[QuestionAsked, Event]("QuestionAsked", domain.SealFields("allergy_history", "smoke_history", "condition_description", "files")),
	domain.Form[QuestionAnswered, Event]("QuestionAnswered", domain.SealFields("tags", "drugs", "diagnosis_result", "extra_suggestion")),
	domain.Form[OrderFinished, Event]("OrderFinished"),
	domain.Form[OrderEvaluated, Event]("OrderEvaluated", domain.SealFields("content")),
	domain.Form[payment.RefundRequested, Event]("RefundRequested"),
	domain.Form[payment.RefundAsked, Event]("RefundAsked"),
	domain.Form[payment.RefundAccepted, Event]("RefundAccepted"),
	domain.Form[payment.RefundDelayed, Event]("RefundDelayed"),
	domain.Form[payment.RefundParked, Event]("RefundParked"),
	domain.Form[payment.RefundRetried, Event]("RefundRetried"),
	domain.Form[payment.RefundGivenUp, Event]("RefundGivenUp"),
	domain.Form[payment.RefundSucceeded, Event]("RefundSucceeded"),
	domain.Form[payment.RefundFailed, Event]("RefundFailed"),
)
