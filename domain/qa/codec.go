package qa

import "orderengine/domain"

// Codec holds the stored forms. Names never change; a changed form adds an upcast from the one before.
var Codec = domain.NewCodec(
	domain.Form[OrderPlaced, Event]("OrderPlaced"),
	domain.Form[PaymentRequested, Event]("PaymentRequested"),
	domain.Form[PaymentDeclined, Event]("PaymentDeclined"),
	domain.Form[ChargeCreated, Event]("ChargeCreated"),
	domain.Form[OrderPaid, Event]("OrderPaid"),
	domain.Form[SurplusReceived, Event]("SurplusReceived"),
	domain.Form[OrderCancelled, Event]("OrderCancelled"),
	domain.Form[OrderHidden, Event]("OrderHidden"),
	domain.Form[QuestionAsked, Event]("QuestionAsked"),
	domain.Form[QuestionAnswered, Event]("QuestionAnswered"),
	domain.Form[OrderFinished, Event]("OrderFinished"),
	domain.Form[OrderEvaluated, Event]("OrderEvaluated"),
	domain.Form[RefundRequested, Event]("RefundRequested"),
	domain.Form[RefundAccepted, Event]("RefundAccepted"),
	domain.Form[RefundDelayed, Event]("RefundDelayed"),
	domain.Form[RefundParked, Event]("RefundParked"),
	domain.Form[RefundRetried, Event]("RefundRetried"),
	domain.Form[RefundGivenUp, Event]("RefundGivenUp"),
	domain.Form[RefundSucceeded, Event]("RefundSucceeded"),
	domain.Form[RefundFailed, Event]("RefundFailed"),
)
