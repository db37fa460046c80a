package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/catalog"
	"orderengine/domain/payment"
	"orderengine/domain/process"
	"orderengine/domain/qa"
	"orderengine/eventstore"
	"orderengine/eventstore/memory"
)

func TestDiffLeadsFromBeforeToAfter(t *testing.T) {
	doc := func(key, value string) Doc { return Doc{key, []byte(value)} }
	for _, c := range []struct {
		name          string
		before, after Rows
		want          []Op
	}{
		{"nothing", Rows{}, Rows{}, nil},
		{"the same", Rows{[]Doc{doc("a", "1")}, []Listing{{"i", "m"}}}, Rows{[]Doc{doc("a", "1")}, []Listing{{"i", "m"}}}, nil},
		{"new", Rows{}, Rows{[]Doc{doc("a", "1")}, []Listing{{"i", "m"}}}, []Op{{Kind: Put, Key: "a", Value: []byte("1")}, {Kind: List, Key: "i", Member: "m"}}},
		{"gone", Rows{[]Doc{doc("a", "1")}, []Listing{{"i", "m"}}}, Rows{}, []Op{{Kind: Delete, Key: "a"}, {Kind: Unlist, Key: "i", Member: "m"}}},
		{"changed", Rows{[]Doc{doc("a", "1"), doc("b", "1")}, nil}, Rows{[]Doc{doc("b", "1"), doc("a", "2")}, nil}, []Op{{Kind: Put, Key: "a", Value: []byte("2")}}},
		{"moved", Rows{Listings: []Listing{{"i", "m"}, {"j", "m"}}}, Rows{Listings: []Listing{{"j", "m"}, {"i", "n"}}},
			[]Op{{Kind: Unlist, Key: "i", Member: "m"}, {Kind: List, Key: "i", Member: "n"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := appendDiff(nil, c.before, c.after); !reflect.DeepEqual(got, c.want) {
				t.Errorf("ops %+v, want %+v", got, c.want)
			}
		})
	}
}

func recorded(t *testing.T, store *memory.Store, stream string) (all []eventstore.Recorded) {
	t.Helper()
	for e, err := range store.ReadStream(t.Context(), stream, 0) {
		must(t, err)
		all = append(all, e)
	}
	return all
}

func TestProjectGivesTheDocumentAndWhatMoved(t *testing.T) {
	store := memory.New()
	receipt := payment.Receipt{Channel: payment.WX, Ref: "ch_1", Amount: 1500, At: t0}
	recordOrder(t, store, 1, placed(1, "p", "d"), payment.OrderPaid{Receipt: receipt})
	p := orderProjection(periods)
	stream := "qaorder-" + orderNumber(1)
	all := recorded(t, store, stream)
	first, ops, err := project(nil, p, folded{state: qa.Order{}}, all[:1])
	must(t, err)
	if ops = notDue(ops); ops[0].Kind != Put || ops[0].Key != stream || len(ops) != 7 {
		t.Errorf("ops %+v", ops)
	}
	second, ops, err := project(nil, p, first, all[1:])
	must(t, err)
	ops = notDue(ops)
	var o qa.Order
	doc, err := ops[0].Document()
	must(t, err)
	must(t, json.Unmarshal(doc, &o))
	if o.Status != qa.Paid || !reflect.DeepEqual(o, second.state) {
		t.Errorf("document %+v, state %+v", o, second.state)
	}
	want := []Op{{Kind: Unlist, Key: "orders/patient/p/0", Member: orderNumber(1)}, {Kind: Unlist, Key: "orders/doctor/d/0", Member: orderNumber(1)},
		{Kind: List, Key: "orders/patient/p/1", Member: orderNumber(1)}, {Kind: List, Key: "orders/doctor/d/1", Member: orderNumber(1)}}
	if moved := ops[1:]; !reflect.DeepEqual(moved, want) {
		t.Errorf("ops\n%+v, want\n%+v", moved, want)
	}
	back, err := restored(p, stream, doc)
	if err != nil || !reflect.DeepEqual(back, second) {
		t.Errorf("restored\n%+v, %v, want\n%+v", back, err, second)
	}
}

// notDue are the ops without those of what falls due, which process tests, and of the search.
func notDue(ops []Op) []Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op Op) bool {
		return op.Key == dueIndex || strings.HasPrefix(op.Key, "placed/") || strings.HasPrefix(op.Key, "channels/")
	})
}

func TestProjectErrorsNameTheEvent(t *testing.T) {
	bad := eventstore.Recorded{Stream: "qaorder-1", Revision: 4, Event: eventstore.Event{Type: "Unheard", Metadata: []byte(`{"schema":1,"actor":""}`)}}
	p := orderProjection(periods)
	if _, _, err := project(nil, p, folded{state: qa.Order{}}, []eventstore.Recorded{bad}); err == nil || !strings.Contains(err.Error(), `stream qaorder-1 revision 4: event "Unheard" is not known`) {
		t.Errorf("error %v", err)
	}
	if _, err := restored(p, "qaorder-1", []byte("{")); err == nil || !strings.Contains(err.Error(), "document qaorder-1") {
		t.Errorf("error %v", err)
	}
	bad.Metadata = []byte("?")
	if _, _, err := project(nil, p, folded{state: qa.Order{}}, []eventstore.Recorded{bad}); err == nil {
		t.Error("metadata that is no JSON")
	}
}

func TestDueMembersAreInTheOrderOfTime(t *testing.T) {
	for _, c := range []struct{ early, late time.Time }{
		{t0, t0.Add(time.Microsecond)}, {t0, t0.Add(time.Hour)}, {t0.Add(-time.Second), t0},
		{t0, t0.Add(time.Minute).In(time.FixedZone("west", -12*3600))}, {t0.Add(999999 * time.Microsecond), t0.Add(time.Second)},
	} {
		early := dueMember(process.Todo{Kind: process.PayBack, Stream: "qaorder-9", Refund: "9R1", Due: c.early})
		late := dueMember(process.Todo{Kind: process.Charge, Stream: "qaorder-1", Attempt: "a", Due: c.late})
		if early >= late {
			t.Errorf("%q does not stand before %q", early, late)
		}
		if due, order, err := parseDue(late); err != nil || !due.Equal(c.late) || order != "qaorder-1" {
			t.Errorf("%q parses to %s, %s, %v", late, due, order, err)
		}
	}
	for _, bad := range []string{"", "a b c", "x charge 1 a", "20240301080000.000000 charge 1 a b"} {
		if _, _, err := parseDue(bad); err == nil {
			t.Errorf("%q parses", bad)
		}
	}
}

// slices of a log in batches of any size, up to a certain event.
type piecewise struct {
	events []eventstore.Recorded
	random *rand.Rand
}

func (p piecewise) Head(context.Context) (eventstore.Position, error) {
	if len(p.events) == 0 {
		return eventstore.Position{}, nil
	}
	return p.events[len(p.events)-1].Position, nil
}

func (p piecewise) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[[]eventstore.Recorded, error] {
	return func(yield func([]eventstore.Recorded, error) bool) {
		left := p.events
		for len(left) > 0 && !after.Before(left[0].Position) {
			left = left[1:]
		}
		for len(left) > 0 {
			n := 1 + p.random.IntN(min(len(left), 9))
			if !yield(left[:n], nil) {
				return
			}
			left = left[n:]
		}
		<-ctx.Done()
		yield(nil, ctx.Err())
	}
}

func (p piecewise) ReadStream(_ context.Context, stream string, from eventstore.Revision) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for _, e := range p.events {
			if e.Stream == stream && e.Revision >= from && !yield(e, nil) {
				return
			}
		}
	}
}

// randomHistory has a few orders, users and entries live at random.
func randomHistory(t *rapid.T, store *memory.Store) {
	orders := map[int]qa.Order{}
	users := map[string]account.User{}
	name := rapid.SampledFrom([]string{"u1", "u2", "u3"})
	for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
		at := t0.Add(time.Duration(i) * time.Minute)
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			user := name.Draw(t, "user")
			c := rapid.SampledFrom([]account.Command{
				account.Register{Profile: account.Profile{PK: int64(user[1] - '0'), Username: user, Name: "<名>"}, At: at},
				account.SetPrice{OrderType: "online", Amount: 1500, At: at}, account.SetPrice{OrderType: "online", Amount: -1, At: at},
				account.SetActive{At: at}, account.SetActive{Active: true, At: at}, account.SetCredential{Credential: account.Credential{Verifier: "secret"}, At: at},
			}).Draw(t, "account")
			if events, err := account.Decide(users[user], c); err == nil && len(events) > 0 {
				users[user] = account.Evolve(users[user], events[0])
				record(t, store, account.Codec, "user-"+user, events...)
			}
		case 1:
			record[catalog.Event](t, store, catalog.Codec, fmt.Sprintf("tag-%d", 100+i), catalog.TagCreated{Tag: catalog.Tag{PK: int64(100 + i), Name: "感冒"}})
		default:
			n := rapid.IntRange(1, 4).Draw(t, "order")
			events, err := qa.Decide(orders[n], randomCommand(t, n, orders[n], at))
			if err != nil || len(events) == 0 {
				continue
			}
			for _, e := range events {
				orders[n] = qa.Evolve(orders[n], e)
			}
			record(t, store, qa.Codec, "qaorder-"+orderNumber(n), events...)
		}
	}
}

func randomCommand(t *rapid.T, n int, o qa.Order, at time.Time) qa.Command {
	if !o.Placed() {
		return qa.Place{Number: orderNumber(n), PK: int64(n), Patient: "u1", Doctor: fmt.Sprintf("u%d", 2+n%2), Type: qa.Monthly, Amount: 1500, At: at}
	}
	question := int64(1)
	by := rapid.SampledFrom([]string{o.Patient, o.Doctor}).Draw(t, "by")
	channel := rapid.SampledFrom(payment.Channels).Draw(t, "channel")
	return rapid.SampledFrom([]qa.Command{
		qa.RequestPayment{By: o.Patient, Attempt: fmt.Sprint("a", at.Unix()), Channel: channel, At: at},
		payment.RecordCharge{Charge: payment.Charge{ID: "ch", Channel: channel, Extra: json.RawMessage("{}"), Credential: json.RawMessage(`{"a":"<&>"}`), TimeExpire: at.Unix()}},
		payment.ConfirmPayment{Receipt: payment.Receipt{Channel: channel, Ref: fmt.Sprint("r", at.Unix()), Amount: 1500, At: at}},
		qa.Ask{By: o.Patient, Question: qa.Question{PK: question, At: at, Text: domain.Sealed{1, 2, 3}}},
		qa.Ask{By: o.Patient, Question: qa.Question{PK: question, At: at}},
		qa.GiveAnswer{By: o.Doctor, Answer: qa.Answer{PK: 2, Question: question, At: at, Text: domain.Sealed{1, 4}}},
		qa.GiveAnswer{By: o.Doctor, Answer: qa.Answer{PK: 2, Question: question, At: at}},
		qa.Finish{By: o.Patient, At: at}, qa.Evaluate{By: o.Patient, Evaluation: qa.Evaluation{PK: int64(n), Scores: 5, At: at}},
		qa.Destroy{By: by, At: at}, qa.Refund{By: o.Patient, At: at}, qa.Cancel{By: o.Patient, At: at},
		payment.SettleRefund{No: orderNumber(n) + "R1", OK: rapid.Bool().Draw(t, "ok"), At: at},
	}).Draw(t, "command")
}

// TestRebuildGivesTheSameBytes compares views that followed a log in pieces, through several restarts, with
// views that read it at once.
func TestRebuildGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memory.New()
		randomHistory(t, store)
		all := wholeLog(t, store)
		seed := rapid.Uint64().Draw(t, "sizes")
		random := rand.New(rand.NewPCG(seed, seed))
		incremental, atOnce := newViews(), newViews()
		for end := 0; end < len(all); {
			end = min(len(all), end+1+random.IntN(20))
			followTo(t, piecewise{all[:end], random}, incremental)
		}
		step(t, all, atOnce)
		if got, want := incremental.dump(), atOnce.dump(); got != want {
			t.Fatalf("followed in pieces:\n%s\nrebuilt:\n%s", got, want)
		}
		if strings.Contains(atOnce.dump(), "secret") {
			t.Fatal("the views hold credentials")
		}
	})
}

// wholeLog is every event.
func wholeLog(t *rapid.T, store *memory.Store) (all []eventstore.Recorded) {
	head, _ := store.Head(context.Background())
	if head == (eventstore.Position{}) {
		return nil
	}
	for batch, err := range store.Follow(context.Background(), eventstore.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, batch...); !all[len(all)-1].Position.Before(head) {
			break
		}
	}
	return all
}

// followTo runs a new follower to the end of a log.
func followTo(t *rapid.T, log Log, views Views) {
	ctx, cancel := context.WithCancel(context.Background())
	f := NewFollower(log, views, All(periods), quiet, time.Now)
	ended := make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	head, _ := log.Head(ctx)
	err := f.Await(ctx, head)
	cancel()
	<-ended
	if err != nil {
		t.Fatalf("follow to %v: %v", head, err)
	}
}

// step projects a whole log as one batch.
func step(t *rapid.T, all []eventstore.Recorded, views Views) {
	if len(all) == 0 {
		return
	}
	f := NewFollower(nil, views, All(periods), quiet, time.Now)
	if _, err := f.step(context.Background(), eventstore.Position{}, all, f.load); err != nil {
		t.Fatal(err)
	}
}
