package domain

import (
	"errors"
	"fmt"
)

// Code is the kind of a refusal. The set is closed: each API maps every code to its own reply in one table.
type Code int

const (
	NotFound      Code = iota + 1 // no such thing, or not for this caller to see
	Forbidden                     // the caller sees it but may not do this to it
	AlreadyExists                 // Field already names another thing
	Invalid                       // Field has a value that can never be taken
	CannotPay                     // the order's state does not allow it; so below
	CannotCancel
	CannotAsk
	CannotAnswer
	CannotFinish
	CannotEvaluate
	CannotDestroy
	CannotRefund
	CannotStop
	InsufficientFunds // the wallet holds less than the amount
	Erased            // the patient's texts were erased: nothing more is taken about them
	Restricted        // the patient's texts are restricted: nothing more is taken for as long
	KeyReused         // the idempotency key stands for another request
)

// Codes are all there are, for the tests that walk every code through every API.
var Codes = []Code{NotFound, Forbidden, AlreadyExists, Invalid, CannotPay, CannotCancel, CannotAsk, CannotAnswer,
	CannotFinish, CannotEvaluate, CannotDestroy, CannotRefund, CannotStop, InsufficientFunds, Erased, Restricted, KeyReused}

var codeNames = map[Code]string{
	NotFound: "not found", Forbidden: "forbidden", AlreadyExists: "already exists", Invalid: "invalid",
	CannotPay: "cannot pay", CannotCancel: "cannot cancel", CannotAsk: "cannot ask", CannotAnswer: "cannot answer",
	CannotFinish: "cannot finish", CannotEvaluate: "cannot evaluate", CannotDestroy: "cannot destroy",
	CannotRefund: "cannot refund", CannotStop: "cannot stop", InsufficientFunds: "insufficient funds", Erased: "erased", Restricted: "restricted",
	KeyReused: "idempotency key reused",
}

func (c Code) String() string { return codeNames[c] }

// Fault is a refusal: the command is understood, and nothing is changed by it.
type Fault struct {
	Code  Code
	Field string // what was wrong, where the code speaks of a field
	Why   string // for people and logs; English, but Chinese where hospitals read it
}

func (f *Fault) Error() string {
	switch {
	case f.Field != "":
		return fmt.Sprintf("%s: %s: %s", f.Code, f.Field, f.Why)
	case f.Why != "":
		return fmt.Sprintf("%s: %s", f.Code, f.Why)
	default:
		return f.Code.String()
	}
}

// IsRefused says that an error is a refusal of that kind.
func IsRefused(err error, code Code) bool {
	var fault *Fault
	return errors.As(err, &fault) && fault.Code == code
}

// Refuse makes a fault that says why.
func Refuse(code Code, why string, args ...any) *Fault {
	return &Fault{Code: code, Why: fmt.Sprintf(why, args...)}
}

// RefuseField makes a fault about one field of the command.
func RefuseField(code Code, field, why string, args ...any) *Fault {
	return &Fault{Code: code, Field: field, Why: fmt.Sprintf(why, args...)}
}
