// Package pingpp collects money and gives it back through the Ping++ platform: the "charge" of the Q&A API
// document (订单支付) and the refunds of it, as the page of notes on Ping++ reads them. The platform's own SDK
// is not to be had through the module proxy; this is the small part of it that orders need.
//
// # What an error says
//
// A [*gateways.Refusal] is the platform's own final word, in its error envelope. [gateways.ErrBusy] says that
// nothing was done. Every other error, a time-out, a broken connection, a 5xx, a reply that is no JSON or
// that speaks of something else than was asked, leaves the outcome unknown: the same call is made again later,
// with the same numbers. No error text holds the API key, a signature or a payer's credential.
//
// # The number of a refund
//
// Ping++ numbers refunds itself: its "order_no" of a refund is its own, and asking twice makes two refunds.
// Our number therefore travels in the refund's metadata, and a refund is looked for before it is asked for.
// [DecodeRefund] puts our number back where [payment.PlatformRefund] has it; webhooks must be read with it too.
package pingpp
