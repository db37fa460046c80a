package pingpp

import (
	"crypto/rsa"
	"time"
)

// Options say how the platform behaves. The zero value is a well-behaved one where the test pays.
type Options struct {
	Seed   uint64 // of all chance; 0: a new one, logged if the test fails
	APIKey string // "": a test key
	App    string // "": a test application

	ClientKey *rsa.PrivateKey // signs the client's requests; nil: one for all tests of the process
	Timeout   time.Duration   // of the client in [Platform.Config]; 0: its default
	Webhook   string          // where notices go; "": nowhere until [Platform.SetWebhook] and [Platform.Redeliver]

	AutoPay  bool // pays every charge PayAfter it was made
	PayAfter time.Duration
	Lifetime time.Duration // of a charge; 0: a day for alipay, 2 hours for wx

	RenewAfter time.Duration // the same order_no after this while is a new charge; 0: only Faults.NewCharge

	HoldRefunds   bool          // refunds stay pending until [Platform.SettleRefund]
	RefundAfter   time.Duration // how long a refund is pending otherwise
	RefundFails   float64       // the share of refunds that fail
	RefundsRepeat bool          // two requests with one number make two refunds, as the platform's documents have it

	RetryEvery time.Duration // after the first failed send of a notice, doubled from send to send; 0: 20 ms
	Now        func() time.Time

	Faults Faults
}

// Faults are probabilities, 0 to 1, of what goes wrong. Those of requests exclude each other, so that their sum
// is at most 1.
type Faults struct {
	DropRequest float64 // the connection is closed before the work
	DropReply   float64 // after the work
	BadGateway  float64 // 502 before the work
	LostGateway float64 // 502 after the work
	Busy        float64 // 403 before the work
	Twice       float64 // the work is done twice; the reply is the second's
	Late        float64 // the work is done at once, the reply comes LateBy later
	LateBy      time.Duration

	NewCharge float64 // the same order_no gives a new charge although the old one lives

	Repeat  float64       // a notice is sent ten times
	Forge   float64       // a forged notice goes before the true one; before the first it always does, unless this is 0
	Shuffle time.Duration // every notice waits for up to so long, so that orders overtake each other
}

// Rough is a bad day: one request in four goes wrong, and a forged notice in a hundred.
var Rough = Faults{
	DropRequest: 0.05, DropReply: 0.05, BadGateway: 0.03, LostGateway: 0.03, Busy: 0.02, Twice: 0.05, Late: 0.02,
	LateBy: 500 * time.Millisecond, NewCharge: 0.05, Repeat: 0.1, Forge: 0.01, Shuffle: 50 * time.Millisecond,
}

func (o Options) withDefaults() Options {
	if o.APIKey == "" {
		o.APIKey = "sk_test_0123456789abcdefghijklmn"
	}
	if o.App == "" {
		o.App = "app_StandIn0000000"
	}
	if o.ClientKey == nil {
		o.ClientKey = clientKey()
	}
	if o.RetryEvery == 0 {
		o.RetryEvery = 20 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
