package domain_test

import (
	"orderengine/domain/card"
	"orderengine/domain/delivery"
	"orderengine/domain/hospital"
	"orderengine/domain/institution"
	"orderengine/domain/message"
	"orderengine/domain/payment"
	"orderengine/domain/stoplist"
)

const hospitalNumber = "1011202403010000001"

var (
	sampleTerms = hospital.Terms{Number: hospitalNumber, Hospital: "H001", Branch: "B01", Kind: hospital.Registration, Amount: 1500, HisOrderNo: "HIS-1",
		Platform: 6, RegType: hospital.Booked, BookDate: "2024-03-01", Department: "内科", Doctor: "刘医生", Patient: "patient1", At: at}
	sampleRefundOrder = hospital.RefundOrder{No: "1051202403010000002", HisNo: "HR-1", Type: hospital.ForFullRefund, Amount: 1500, All: true,
		RefundTime: "2024-03-01 07:59:58", Reason: "退号 & <改期>", Push: true, At: at}
	sampleNamedRefund = payment.RefundIntent{No: hospitalNumber + "R1", Ref: "ch_1", Channel: payment.Insurance, Amount: 1500, Reason: "退号 & <改期>",
		At: at, Name: sampleRefundOrder.No, AtOnce: true}
)

var hospitalSamples = []hospital.Event{
	hospital.HospitalOrderPlaced{Terms: sampleTerms},
	hospital.HospitalOrderImported{Terms: sampleTerms, Receipt: sampleReceipt, TraceNo: "T1"},
	hospital.HospitalOrderCancelled{By: "patient1", Reason: hospital.ByRequest, At: at},
	hospital.RefundOrdered{RefundOrder: sampleRefundOrder},
	hospital.RefundNumberFreed{HisNo: "HR-2", Turn: 1, At: at},
	hospital.RegistrationStopped{By: "H001", At: at},
	hospital.PatientTold{Notice: hospitalNumber, At: at},
	payment.PaymentRequested{Attempt: "a1", Channel: payment.UnionPay, ClientIP: "127.0.0.1", At: at},
	payment.PaymentDeclined{Attempt: "a1", Why: "no money", At: at},
	payment.ChargeCreated{Charge: sampleCharge()},
	payment.OrderPaid{Receipt: sampleReceipt},
	payment.SurplusReceived{Receipt: sampleReceipt},
	payment.RefundRequested{RefundIntent: sampleNamedRefund},
	payment.RefundAsked{No: hospitalNumber + "R1", Claim: "c1", At: at},
	payment.RefundAccepted{No: hospitalNumber + "R1", PlatformID: "re_1", At: at},
	payment.RefundDelayed{No: hospitalNumber + "R1", Why: "time-out", At: at},
	payment.RefundParked{No: hospitalNumber + "R1", Why: "key refused", At: at},
	payment.RefundRetried{No: hospitalNumber + "R1", By: "admin", At: at},
	payment.RefundGivenUp{No: hospitalNumber + "R1", By: "admin", Why: "paid in cash", At: at},
	payment.RefundSucceeded{No: hospitalNumber + "R1", At: at},
	payment.RefundFailed{No: hospitalNumber + "R1", Why: "bank closed", At: at},
}

var (
	institutionSamples = []institution.Event{
		institution.HospitalRegistered{Code: "H001", Name: "第一医院", At: at},
		institution.HospitalChanged{Name: ptr("第一医院 & <分院>"), ItemTag: ptr("orderRecord"), Branches: &[]institution.Branch{{Code: "B01", Name: "东院"}},
			Templates: map[string]string{message.Unpaid: "{payAmout} 元", message.Waiting: ""}, At: at},
		institution.SecretSet{Hash: "ab12", At: at},
		institution.WebhookSet{Webhook: institution.Webhook{URL: "https://his.example/events?a=1&b=2", Secret: []byte{0, 1, 255}}, At: at},
	}
	cardSamples = []card.Event{
		card.CardBound{Card: card.Card{Hospital: "H001", Type: card.Diagnosis, Number: "123456789", Patient: "patient1", At: at}},
		card.CardReleased{At: at},
	}
	messageSamples = []message.Happening{
		message.MessageComposed{Content: message.Content{ID: "6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11", Hospital: "H001", Event: message.Waiting, Patient: "patient1",
			Voucher: "123456789", Text: sampleSealed, At: at}},
		message.MessageSent{Ref: "outbox", At: at},
		message.MessageDelayed{Why: "time-out", At: at},
		message.MessageParked{Why: "unknown number", At: at},
		message.MessageDropped{Why: "the patient's texts were erased", At: at},
		message.MessageRetried{By: "admin", At: at},
	}
	stopListSamples = []stoplist.Event{
		stoplist.StopListBegun{ID: "6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11", Hospital: "H001", Orders: []string{hospitalNumber, "1011202403010000003"}, At: at},
		stoplist.StopListFinished{Skipped: []string{"1011202403010000003"}, At: at},
	}
	sampleBatch     = delivery.Batch{After: "7", Through: "12", Count: 3}
	deliverySamples = []delivery.Event{
		delivery.BatchSent{Batch: sampleBatch, Sender: delivery.Sender{Server: "4c6f", Run: "9a01"}, At: at},
		delivery.BatchDelivered{Batch: sampleBatch, Tries: 2, At: at},
		delivery.DeliveryFailed{Batch: sampleBatch, Failures: 1, Why: "it answered 500", At: at},
		delivery.RedeliveryRequested{After: "3", By: "admin", At: at},
	}
)
