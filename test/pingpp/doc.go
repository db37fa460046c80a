// Package pingpp stands in for the Ping++ platform in tests, over real HTTP: charges, refunds, lists and signed
// webhooks as the notes on Ping++ have them, a ledger of all that happened to the money, and as much
// misbehaviour as a test asks for.
//
//	platform := pingpp.Start(t, pingpp.Options{AutoPay: true, Faults: pingpp.Rough})
//	client, err := gateway.New(platform.Config())
//	platform.SetWebhook(server.URL + "/…")
//	…
//	platform.AwaitQuiet(t)
//	ledger := platform.Ledger()
//
// Chance follows from the seed and from what is done how often, not from which request comes first, so a run
// with the same seed and the same order numbers goes wrong in the same places.
package pingpp
