package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/catalog"
	"orderengine/domain/link"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/domain/wallet"
	"orderengine/eventstore/decider"
	"orderengine/gateways"
	"orderengine/httpapi/auth"
)

// The tokens that --demo sets when none are.
const (
	DemoAdminToken = "demo-admin"
	DemoAuditToken = "demo-audit"
)

const demoPassword = "demo"

// The documents' people, with the tokens of their cURL lines.
var demoPeople = []auth.Registration{
	{Profile: account.Profile{PK: 3, Username: "patient1", InvitationCode: "123", Name: "patient", Avatar: "http://123.jpg"},
		Token: "48cebaf1955b6f45ee76515dbed221a1f229dd69",
		Credential: demoCredential("H5Vn+6pbp39QrJTjRVo2Lg$19U1J/raSkuMmrgJL8GzHS6riGsYvb6s4liL/Q0o6/8",
			"DnoxpjdggICWW9j9xjFSY7hcLM7LpNSohBnwliQGJLx4SYcpmuaLZ4m++voBA6fg96McmayVzFc=")},
	{Profile: account.Profile{PK: 4, Username: "doctor1", InvitationCode: "123456", Name: "doctor"},
		Token: "5fcfbbe09e2c7b18f4e5f2cca1f0511e9255ab49", Prices: account.Prices{"online": 1500, "monthly": 7000},
		Credential: demoCredential("DQJzEBzcx2q9jaqrfijLYA$Ntd0d/crGMhc8aOtScdtWgblH07iN3Uw9TrCPgloz5o",
			"ZYxIdy28jGwIAdL5CGCl27/WPPK3P8twO+wRo6rxDT9YG9ICj9lMib5BqkedXL53ydo79mSC9MI=")},
	{Profile: account.Profile{PK: 5, Username: "doctor2", Name: "doctor", Avatar: "http://123.jpg"},
		Token: "dddddddddddddddddddddddddddddddddddddddd", Prices: account.Prices{"online": 1900, "monthly": 9900},
		Credential: demoCredential("zOvs89D7oi26mMnWUX5VGw$Hkm+U+CQ5z6G8+L7eklXXnUWWFoiuZIg99Kif46k69Y",
			"xhNZSNnpHh8QO7/hZa7W8NIE3YWYjjDkabOpKQk4ggBFZaQZQv9FRwjItWZ+mvg40R3LsCsyNkQ=")},
	{Profile: account.Profile{PK: 6, Username: "patient2"},
		Token: "2222222222222222222222222222222222222222",
		Credential: demoCredential("TQmTvJS8zCeynk0BQ2ZZOg$RmWsKDXwh61XpzK1Hg4fGQbztnhdV/DVV14QuUsNFT8",
			"AjgbmjKXByPhVPmEkhqACyXVGVrr54OlGN7IJ5LoJyHByNgzW5V878RBE3l+Czki3gWeHss6XlA=")},
}

// demoCredential is what [auth.NewCredential] once made of the demo's password and a person's token, but for the token's
// hash: to make it at every first start takes longer than all else that the demo does.
func demoCredential(saltAndProof, sealedToken string) account.Credential {
	sealed, err := base64.StdEncoding.DecodeString(sealedToken)
	if err != nil {
		panic(err) // it is one of those above
	}
	return account.Credential{Verifier: "$argon2id$v=19$m=19456,t=2,p=1$" + saltAndProof, Sealed: sealed}
}

// demoFunds is what each patient's wallet holds at first.
const demoFunds domain.Fen = 100_000

var demoTags = []catalog.Tag{
	{PK: 2, Owner: "patient1", Name: "哮喘", Description: "这是一个挺严重的哮喘病"},
	{PK: 3, Owner: "patient1", Name: "肺结核", Description: "这是一个肺结核"},
}

var demoDrugs = []catalog.Drug{
	{PK: 1, Owner: "patient1", Name: "头孢", Standard: "0.25*20s", TotalDosage: "125mg*10盒(瓶)", EachDosage: "0.5g", DayTimes: "3次/天"},
	{PK: 3, Owner: "doctor1", Name: "头孢", Standard: "0.25*20s", TotalDosage: "125mg*10盒(瓶)", EachDosage: "0.5g", DayTimes: "3次/天"},
}

// The orders whose numbers stand in the document's cURL lines, in the states that let each line work.
var demoOrders = []struct {
	place    qa.Place
	paid     bool
	answered bool
}{
	{place: qa.Place{PK: 13, Number: "12257268217187655696240003", Patient: "patient1", Doctor: "doctor1", Amount: 1500}},
	{place: qa.Place{PK: 14, Number: "12257268228937975696240003", Patient: "patient1", Doctor: "doctor1", Amount: 1500}, paid: true, answered: true},
	{place: qa.Place{PK: 15, Number: "12257268238541425696240003", Patient: "patient1", Doctor: "doctor1", Amount: 1500}},
	{place: qa.Place{PK: 16, Number: "12257268246663755696240003", Patient: "patient1", Doctor: "doctor2", Amount: 1500}},
	{place: qa.Place{PK: 18, Number: "12257268251845025696240003", Patient: "patient1", Doctor: "doctor2", Amount: 1900}},
	{place: qa.Place{PK: 19, Number: "12257268267676495696240003", Patient: "patient1", Doctor: "doctor2", Amount: 7000}, paid: true},
	{place: qa.Place{PK: 26, Number: "12257268323647365696240006", Patient: "patient2", Doctor: "doctor2", Amount: 0}},
}

// The pks of what was asked and answered in the document's order 14.
const demoQuestion, demoAnswer = 3, 9

// demo makes the documents' people and orders, once: every step has a fixed command id.
func (e *Engine) demo(ctx context.Context, welcome io.Writer) error {
	for _, step := range []func(context.Context) error{e.demoSequences, e.demoAccounts, e.demoCatalog, e.demoInstitution, e.demoPlaced} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return e.greet(welcome)
}

// demoCall is the call of a step of the demo.
func (e *Engine) demoCall(actor, step string) decider.Call {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("demo/"+step))
	return decider.Call{ID: id, Actor: actor, Correlation: "demo", At: e.now().UTC().Truncate(time.Microsecond)}
}

// demoSequences keeps the pks below from being handed out.
func (e *Engine) demoSequences(ctx context.Context) error {
	s := e.api.Sequences
	for _, skip := range []struct {
		skip func(context.Context, int64) error
		to   int64
	}{{s.Users.Skip, 6}, {s.Orders.Skip, 26}, {s.Questions.Skip, demoQuestion}, {s.Answers.Skip, demoAnswer}, {s.Tags.Skip, 3}, {s.Drugs.Skip, 3}} {
		if err := skip.skip(ctx, skip.to); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) demoAccounts(ctx context.Context) error {
	for _, person := range demoPeople {
		name := person.Profile.Username
		known, err := e.api.Accounts.Users.Load(ctx, name)
		if err != nil {
			return err
		}
		if known.State.Registered() {
			continue
		}
		person.Credential.TokenHash = auth.HashToken(person.Token)
		if _, err := e.api.Accounts.Register(ctx, e.demoCall("admin", "user/"+name), person); err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
	}
	for _, name := range []string{"patient1", "patient2"} {
		call := e.demoCall("admin", "wallet/"+name)
		if _, err := e.api.Wallets.Execute(ctx, name, call, wallet.TopUp{Amount: demoFunds, By: "admin", Note: "demo", At: call.At}); err != nil {
			return fmt.Errorf("wallet of %s: %w", name, err)
		}
	}
	return nil
}

func (e *Engine) demoCatalog(ctx context.Context) error {
	for _, tag := range demoTags {
		pk := strconv.FormatInt(tag.PK, 10)
		if _, err := e.api.Tags.Execute(ctx, pk, e.demoCall(tag.Owner, "tag/"+pk), catalog.CreateTag{Tag: tag}); err != nil {
			return fmt.Errorf("tag %s: %w", pk, err)
		}
	}
	for _, drug := range demoDrugs {
		pk := strconv.FormatInt(drug.PK, 10)
		if _, err := e.api.Drugs.Execute(ctx, pk, e.demoCall(drug.Owner, "drug/"+pk), catalog.CreateDrug{Drug: drug}); err != nil {
			return fmt.Errorf("drug %s: %w", pk, err)
		}
	}
	return nil
}

func (e *Engine) demoPlaced(ctx context.Context) error {
	for _, o := range demoOrders {
		at := e.now().UTC().Truncate(time.Microsecond)
		place := o.place
		if made, err := e.api.Orders.Load(ctx, place.Number); err != nil || made.State.Question != nil {
			if err != nil {
				return err
			}
			continue // its patient may have been erased since, or may have lost the data key
		}
		place.Type, place.At = qa.Online, at
		place.PatientPK = map[string]int64{"patient1": 3, "patient2": 6}[place.Patient]
		commands := []qa.Command{place}
		if o.paid {
			paid, err := e.demoPaid(ctx, place)
			if err != nil {
				return err
			}
			commands = append(commands, paid...)
		}
		if o.answered {
			if err := e.demoLink(ctx, place.Number); err != nil {
				return err
			}
			said, err := e.demoSaid(ctx, place, at)
			if err != nil {
				return err
			}
			commands = append(commands, said...)
		}
		for i, command := range commands {
			call := e.demoCall(place.Patient, fmt.Sprintf("order/%s/%d", place.Number, i))
			if _, err := e.api.Orders.Execute(ctx, place.Number, call, command); err != nil {
				return fmt.Errorf("order %s: %w", place.Number, err)
			}
		}
	}
	return nil
}

// demoPaid is how an order comes to be paid through the sandbox.
func (e *Engine) demoPaid(ctx context.Context, place qa.Place) ([]qa.Command, error) {
	const attempt, ip = "demo", "127.0.0.1"
	charge, err := e.api.Sandbox.CreateCharge(ctx, gateways.ChargeRequest{OrderNo: place.Number, Attempt: attempt, Channel: payment.Alipay,
		Amount: place.Amount, ClientIP: ip, Owner: place.Patient, At: place.At})
	return []qa.Command{
		qa.RequestPayment{By: place.Patient, Attempt: attempt, Channel: payment.Alipay, ClientIP: ip, At: place.At},
		payment.RecordCharge{Charge: charge},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: payment.Alipay, Ref: charge.ID, Amount: place.Amount, At: place.At}},
	}, err
}

func (e *Engine) demoLink(ctx context.Context, number string) error {
	pk := strconv.Itoa(demoQuestion)
	_, err := e.api.Questions.Execute(ctx, pk, e.demoCall("patient1", "question/"+pk), link.Command{To: number})
	return err
}

// demoSaid is a question with its answer.
func (e *Engine) demoSaid(ctx context.Context, place qa.Place, at time.Time) ([]qa.Command, error) {
	asked, answered := qa.Question{PK: demoQuestion, At: at}, qa.Answer{PK: demoAnswer, Question: demoQuestion, At: at}
	call := e.demoCall(place.Patient, "key/"+place.Patient)
	var unsealed, unanswered error
	asked.Text, unsealed = e.api.Vault.Seal(ctx, call, place.Patient, asked.Purpose(place.Number), qa.QuestionText{AllergyHistory: "无过敏史",
		SmokeHistory: "无吸烟史", ConditionDescription: "无病", Files: []string{"http://123.jpg", "http://123.jpg", "http://123.jpg"}})
	answered.Text, unanswered = e.api.Vault.Seal(ctx, call, place.Patient, answered.Purpose(place.Number), qa.AnswerText{
		Tags: []catalog.Tag{demoTags[1], demoTags[0]}, Drugs: []catalog.Drug{demoDrugs[1], demoDrugs[0]},
		DiagnosisResult: "吃点头孢,吃一个疗程,就好了", ExtraSuggestion: "平时多出蔬菜"})
	return []qa.Command{qa.Ask{By: place.Patient, Question: asked}, qa.GiveAnswer{By: place.Doctor, Answer: answered}}, errors.Join(unsealed, unanswered)
}

// greet tells a newcomer who is there and what to try.
func (e *Engine) greet(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "The demo's people (password %q):\n", demoPassword); err != nil {
		return err
	}
	for _, p := range demoPeople {
		fmt.Fprintf(w, "  %-9s pk %d  token %s\n", p.Profile.Username, p.Profile.PK, p.Token)
	}
	fmt.Fprintf(w, "The demo's hospital: code %s, secret %s, branch %s; patient1's card %s\n", demoHospital, demoSecret, demoBranches[0].Code, demoCard)
	_, err := fmt.Fprintf(w, "Administrators' token: %s, auditors' token: %s\nTry:\n"+
		"  curl -X POST -H 'Authorization: Token %s' -d 'order_type=online&doctor=doctor1' http://%s/qaorder/order/create/\n",
		e.settings.AdminToken, e.settings.AuditToken, demoPeople[0].Token, e.Addr())
	return err
}
