package engine

import (
	"orderengine/domain/link"
	"orderengine/domain/stoplist"
	"orderengine/eventstore/decider"
	"orderengine/gateways/messages"
	"orderengine/xmlapi"
)

// openHospitals makes the hospital open interface, and who tells patients, on what the API has.
func (e *Engine) openHospitals() {
	a := e.api
	e.hospitals = &xmlapi.API{
		Orders: a.HospitalOrders, Hospitals: a.Hospitals, Secrets: a.Secrets, Cards: a.Cards, Messages: a.Messages,
		HisRefunds: decider.New(e.store, model(link.HisRefundCategory, link.Codec, link.Decide, link.Evolve), e.deciderOptions(0)),
		StopLists:  decider.New(e.store, model(stoplist.Category, stoplist.Codec, stoplist.Decide, stoplist.Evolve), e.deciderOptions(0)),
		Refusals:   a.Refusals, Vault: a.Vault,
		Payments: a.Payments, Serials: a.Sequences.Hospital, Head: a.Log.Head, Views: a.Views, Await: a.Await, Now: e.now, Logger: e.logger,
		Calls: xmlapi.NewCalls(a.Metrics),
	}
	a.Open = e.hospitals
	e.messenger = messages.Messenger{Orders: a.HospitalOrders, Hospitals: a.Hospitals, Messages: a.Messages, Vault: a.Vault, Channel: e.channel(),
		Periods: e.settings.periods(), Now: e.now}
}

// channel is how messages reach patients.
func (e *Engine) channel() messages.Channel {
	if e.settings.Messages == outboxMessages {
		return messages.Outbox{}
	}
	return messages.Webhook{URL: e.settings.Messages, Secret: e.settings.MessagesSecret, Now: e.now}
}
