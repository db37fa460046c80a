package open_test

import (
	"net/http"

	"orderengine/test/e2e/orderdtest"
)

// message is a message to a patient, as administrators see it.
type message struct {
	ID, Hospital, Event, Patient, Voucher, Text, Status, Why string
	Params                                                   map[string]string
	Tries                                                    int
	SendTime                                                 *string `json:"send_time"`
}

type messageList struct {
	Count   int
	Results []message
}

func (w world) messages(query string) messageList {
	w.t.Helper()
	var all messageList
	w.admin().Get("/admin/messages/?page_size=100&"+query).Want(w.t, http.StatusOK).Into(w.t, &all)
	return all
}

// told waits for a message that was sent.
func (w world) told(hospital, voucher, event string) message {
	w.t.Helper()
	var found message
	w.Eventually(event+" of "+voucher+" told", func() bool {
		for _, m := range w.messages("hospital=" + hospital).Results {
			if m.Voucher == voucher && m.Event == event && m.Status == "sent" {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// body is a JSON body.
func body(f fields) orderdtest.Body { return orderdtest.JSON(f.line()) }
