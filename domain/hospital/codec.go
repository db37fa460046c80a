package hospital

import (
	"orderengine/domain"
	"orderengine/domain/payment"
)

// Codec holds the stored forms. Names never change; a changed form adds an upcast from the one before.
var Codec = domain.NewCodec(
	domain.Form[HospitalOrderPlaced, Event]("HospitalOrderPlaced"),
	domain.Form[HospitalOrderImported, Event]("HospitalOrderImported"),
	domain.Form[HospitalOrderCancelled, Event]("HospitalOrderCancelled"),
	domain.Form[RefundOrdered, Event]("RefundOrdered"),
	domain.Form[RefundNumberFreed, Event]("RefundNumberFreed"),
	domain.Form[RegistrationStopped, Event]("RegistrationStopped"),
	domain.Form[PatientTold, Event]("PatientTold"),
	domain.Form[payment.PaymentRequested, Event]("PaymentRequested"),
	domain.Form[payment.PaymentDeclined, Event]("PaymentDeclined"),
	domain.Form[payment.ChargeCreated, Event]("ChargeCreated"),
	domain.Form[payment.OrderPaid, Event]("OrderPaid"),
	domain.Form[payment.SurplusReceived, Event]("SurplusReceived"),
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
