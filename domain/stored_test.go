package domain_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/access"
	"orderengine/domain/account"
	"orderengine/domain/card"
	"orderengine/domain/catalog"
	"orderengine/domain/delivery"
	"orderengine/domain/hospital"
	"orderengine/domain/idempotency"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/domain/message"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/domain/refusal"
	"orderengine/domain/stoplist"
	"orderengine/domain/wallet"
)

var update = flag.Bool("update", false, "write the golden files")

var at = time.Date(2024, 2, 29, 23, 59, 58, 123456000, time.UTC)

func ptr[T any](v T) *T { return &v }

func sampleCharge() payment.Charge {
	return payment.Charge{
		OrderNo: "12257268238541425696240003", Extra: json.RawMessage("{}"), App: "app_1", Livemode: true, Currency: "cny",
		TimeSettle: ptr(int64(1)), TimeExpire: 1490340878, ID: "ch_1", Subject: "肺轻松#1", FailureMsg: ptr("no"), Channel: payment.Alipay,
		Metadata: payment.Metadata{Owner: "patient1", OrderNumber: "12257268238541425696240003"}, Body: "肺轻松#1&<b>",
		Credential: json.RawMessage(`{"object":"credential","alipay":{"orderInfo":"a=\"1\"&b=\"<2>\""}}`), ClientIP: "127.0.0.1",
		Description: ptr("d"), AmountRefunded: 1, Refunded: true, Object: "charge", Paid: true, AmountSettle: 1500, TimePaid: ptr(int64(2)),
		FailureCode: ptr("c"), Refunds: payment.RefundList{URL: "/v1/charges/ch_1/refunds", HasMore: true, Object: "list", Data: []json.RawMessage{}},
		Created: 1490254478, TransactionNo: ptr("t"), Amount: 1500,
	}
}

var (
	sampleReceipt = payment.Receipt{Channel: payment.WX, Ref: "ch_1", TransactionNo: "4200000001", Amount: 1500, At: at}
	sampleTag     = catalog.Tag{PK: 1, Owner: "doctor1", Name: "感冒", Description: "风寒 & <风热>"}
	sampleDrug    = catalog.Drug{PK: 2, Owner: "doctor1", Name: "头孢", Standard: "0.25g*24", TotalDosage: "1盒", EachDosage: "2粒", DayTimes: "3次"}
	sampleSealed  = domain.Sealed{domain.SealedAESGCM, 0, 255}
	sampleProof   = account.Credential{Verifier: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", TokenHash: "ab12", Sealed: []byte{0, 1, 255}}
)

var qaSamples = []qa.Event{
	qa.OrderPlaced{Number: "12257268238541425696240003", PK: 1, Patient: "patient1", PatientPK: 3, Doctor: "doctor1", Type: qa.Monthly, Amount: 7000, At: at},
	payment.PaymentRequested{Attempt: "a1", Channel: payment.Balance, ClientIP: "127.0.0.1", At: at},
	payment.PaymentDeclined{Attempt: "a1", Why: "no money", At: at},
	payment.ChargeCreated{Charge: sampleCharge()},
	payment.OrderPaid{Receipt: sampleReceipt},
	payment.SurplusReceived{Receipt: sampleReceipt},
	qa.OrderCancelled{By: "patient1", Reason: qa.ByRequest, At: at},
	qa.OrderHidden{From: qa.DoctorSide, At: at},
	qa.QuestionAsked{Question: qa.Question{PK: 4, Text: sampleSealed, At: at}},
	qa.QuestionAnswered{Answer: qa.Answer{PK: 5, Question: 4, Text: sampleSealed, At: at}},
	qa.OrderFinished{By: "patient1", At: at},
	qa.OrderEvaluated{Evaluation: qa.Evaluation{PK: 6, Scores: 5, Text: sampleSealed, At: at}},
	payment.RefundRequested{RefundIntent: payment.RefundIntent{No: "12257268238541425696240003R1", Ref: "ch_1", Channel: payment.WX, Amount: 1500, Reason: payment.OfSurplus, At: at}},
	payment.RefundAsked{No: "12257268238541425696240003R1", Claim: "c1", At: at},
	payment.RefundAccepted{No: "12257268238541425696240003R1", PlatformID: "re_1", At: at},
	payment.RefundDelayed{No: "12257268238541425696240003R1", Why: "time-out", At: at},
	payment.RefundParked{No: "12257268238541425696240003R1", Why: "key refused", At: at},
	payment.RefundRetried{No: "12257268238541425696240003R1", By: "admin", At: at},
	payment.RefundGivenUp{No: "12257268238541425696240003R1", By: "admin", Why: "paid in cash", At: at},
	payment.RefundSucceeded{No: "12257268238541425696240003R1", At: at},
	payment.RefundFailed{No: "12257268238541425696240003R1", Why: "bank closed", At: at},
}

var (
	walletSamples = []wallet.Event{
		wallet.WalletToppedUp{Amount: 100000, By: "admin", Note: "present", At: at},
		wallet.WalletDebited{Amount: 1500, Order: "1", Attempt: "a1", At: at},
		wallet.DebitRefused{Amount: 1500, Order: "1", Attempt: "a1", At: at},
		wallet.WalletCredited{Amount: 1500, Order: "1", Refund: "1R1", At: at},
	}
	accountSamples = []account.Event{
		account.UserRegistered{Profile: account.Profile{PK: 3, Username: "patient1", InvitationCode: "123", Name: "病人", Avatar: "http://123.jpg?a=1&b=2"},
			Credential: sampleProof, At: at},
		account.ProfileChanged{Name: ptr("n"), Avatar: ptr(""), InvitationCode: ptr("i"), At: at},
		account.PriceSet{OrderType: "online", Amount: 1500, At: at},
		account.CredentialSet{Credential: sampleProof, At: at},
		account.UserActivated{At: at},
		account.UserDeactivated{At: at},
		account.DataKeyMade{Key: "6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11", At: at},
		account.PatientRestricted{By: "admin", Why: "asked for it & <more>", Until: at.AddDate(15, 0, 0), At: at},
		account.RestrictionLifted{By: "admin", Why: "asked for it", At: at},
		account.PatientErased{By: "admin", Why: "asked for it", At: at},
		account.DataKeyDestroyed{At: at},
	}
	catalogSamples     = []catalog.Event{catalog.TagCreated{Tag: sampleTag}, catalog.DrugCreated{Drug: sampleDrug}}
	accessSamples      = []access.Event{access.PatientDataRead{Look: access.Look{By: "audit", Path: "/audit/orders/1/history/", Query: "revision=0", At: at}}}
	refusalSamples     = []refusal.Event{refusal.CommandRefused{Refusal: refusal.Refusal{By: "patient1", Command: "Finish", Code: "cannot finish", Why: "order 1 is unpaid", At: at}}}
	linkSamples        = []link.Event{link.Linked{To: "patient1"}}
	idempotencySamples = []idempotency.Event{
		idempotency.KeyClaimed{Digest: "ab12", Command: uuid.MustParse("6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11"), PK: 7, At: at},
		idempotency.ReplyRecorded{Reply: idempotency.Reply{Status: 201, Body: []byte(`{"pk":7}`), Subject: "patient1"}},
	}
)

// TestEveryLifecycleIsHeld: each folder with a codec has its golden file.
func TestEveryLifecycleIsHeld(t *testing.T) {
	sources, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "domain.NewCodec(") {
			continue
		}
		held++
		if _, err := os.Stat(filepath.Join("testdata", "stored", filepath.Dir(path)+".txt")); err != nil {
			t.Errorf("%s has a codec: %v", path, err)
		}
	}
	if held < 13 {
		t.Errorf("only %d codecs found", held)
	}
}

// TestStoredBytes holds what is stored of every event of every lifecycle to the golden files: these bytes lie
// in logs for ever. A form that must change gets an upcast and a line of its own; no line here is ever changed.
func TestStoredBytes(t *testing.T) {
	stored(t, "qa", qa.Codec, qaSamples)
	stored(t, "wallet", wallet.Codec, walletSamples)
	stored(t, "account", account.Codec, accountSamples)
	stored(t, "catalog", catalog.Codec, catalogSamples)
	stored(t, "link", link.Codec, linkSamples)
	stored(t, "idempotency", idempotency.Codec, idempotencySamples)
	stored(t, "hospital", hospital.Codec, hospitalSamples)
	stored(t, "institution", institution.Codec, institutionSamples)
	stored(t, "card", card.Codec, cardSamples)
	stored(t, "refusal", refusal.Codec, refusalSamples)
	stored(t, "access", access.Codec, accessSamples)
	stored(t, "message", message.Codec, messageSamples)
	stored(t, "stoplist", stoplist.Codec, stopListSamples)
	stored(t, "delivery", delivery.Codec, deliverySamples)
}

// stored compares the lines "<name> <schema> <data>" of a lifecycle.
func stored[E any](t *testing.T, lifecycle string, codec *domain.Codec[E], samples []E) {
	t.Run(lifecycle, func(t *testing.T) {
		var lines []string
		var named []string
		for _, sample := range samples {
			noEmptyField(t, fmt.Sprintf("%s: %T", lifecycle, sample), reflect.ValueOf(sample))
			name, schema, data, err := codec.Encode(sample)
			if err != nil {
				t.Fatal(err)
			}
			named = append(named, name)
			lines = append(lines, fmt.Sprintf("%s %d %s", name, schema, data))
		}
		slices.Sort(named)
		if !slices.Equal(named, codec.Names()) {
			t.Fatalf("samples of %v, registered are %v: each event needs one sample", named, codec.Names())
		}
		golden := goldenLines(t, lifecycle, lines)
		if len(golden) != len(lines) {
			t.Fatalf("%d golden lines for %d events", len(golden), len(lines))
		}
		for i, line := range golden {
			if lines[i] != line {
				t.Errorf("stored form has changed:\ngot  %s\nwant %s", lines[i], line)
			}
			decodes(t, codec, line, samples[i])
		}
	})
}

func goldenLines(t *testing.T, lifecycle string, now []string) []string {
	t.Helper()
	path := filepath.Join("testdata", "stored", lifecycle+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func decodes[E any](t *testing.T, codec *domain.Codec[E], line string, want E) {
	t.Helper()
	parts := strings.SplitN(line, " ", 3)
	var schema int
	if _, err := fmt.Sscan(parts[1], &schema); err != nil {
		t.Fatal(err)
	}
	got, err := codec.Decode(parts[0], schema, []byte(parts[2]))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s decodes to\n%+v (%v), want\n%+v", parts[0], got, err, want)
	}
}

// hospitalOnly are the fields that no Q&A order fills; the hospital orders' samples hold them.
var hospitalOnly = []string{"qa: payment.RefundRequested.RefundIntent.Name", "qa: payment.RefundRequested.RefundIntent.AtOnce"}

// noEmptyField sees to it that a sample shows every field: one that is empty may be left out of the JSON.
// The list of a charge's refunds is empty in all charges that are made.
func noEmptyField(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() || v.Kind() != reflect.Struct {
		if isEmpty(v) && !strings.HasSuffix(path, ".Refunds.Data") && !slices.Contains(hospitalOnly, path) {
			t.Errorf("sample %s is empty", path)
		}
		return
	}
	for i := range v.NumField() {
		noEmptyField(t, path+"."+v.Type().Field(i).Name, v.Field(i))
	}
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}
