package projections

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"orderengine/domain/account"
	"orderengine/domain/catalog"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore/memory"
)

// history leads order n to a status.
func history(n int, s qa.Status, patient, doctor string) []qa.Event {
	events := []qa.Event{placed(n, patient, doctor)}
	if s == qa.Cancelled {
		return append(events, qa.OrderCancelled{By: patient, At: t0})
	}
	steps := []qa.Event{
		payment.OrderPaid{Receipt: payment.Receipt{Channel: payment.WX, Ref: "ch", Amount: 1500, At: t0}},
		qa.QuestionAsked{Question: qa.Question{PK: int64(n), At: t0}}, qa.QuestionAnswered{Answer: qa.Answer{PK: int64(n), Question: int64(n), At: t0}},
		qa.OrderFinished{By: patient, At: t0}, qa.OrderEvaluated{Evaluation: qa.Evaluation{PK: int64(100 - n), Scores: 5, At: t0}},
	}
	return append(events, steps[:s]...)
}

func pks(orders []qa.Order) []int64 {
	all := make([]int64, len(orders))
	for i, o := range orders {
		all[i] = o.PK
	}
	return all
}

// someOrders: patient p has orders 1 to 7 with doctor d, one in each status, 8 and 9 with e; d has 10 as e's patient.
func someOrders(t *testing.T) Orders {
	store := memory.New()
	for i, s := range qa.Statuses {
		recordOrder(t, store, i+1, history(i+1, s, "p", "d")...)
	}
	recordOrder(t, store, 8, history(8, qa.Evaluated, "p", "e")...)
	recordOrder(t, store, 9, history(9, qa.Asked, "p", "e")...)
	recordOrder(t, store, 10, history(10, qa.Asked, "d", "e")...)
	recordOrder(t, store, 11, history(11, qa.Evaluated, "p", "d")...)
	recordOrder(t, store, 11, qa.OrderHidden{From: qa.DoctorSide, At: t0})
	return Orders{built(t, store)}
}

func TestLists(t *testing.T) {
	q := someOrders(t)
	all := Window{0, 100}
	type list func(Window) ([]qa.Order, int, error)
	of := func(side qa.Side, user string) list {
		return func(w Window) ([]qa.Order, int, error) { return q.Of(t.Context(), side, user, w) }
	}
	in := func(side qa.Side, user string, s qa.Status) list {
		return func(w Window) ([]qa.Order, int, error) { return q.InStatus(t.Context(), side, user, s, w) }
	}
	open := func(side qa.Side, user string) list {
		return func(w Window) ([]qa.Order, int, error) { return q.Open(t.Context(), side, user, w) }
	}
	between := func(side qa.Side, user, other string) list {
		return func(w Window) ([]qa.Order, int, error) { return q.Between(t.Context(), side, user, other, w) }
	}
	both := func(user string, s qa.Status) list {
		return func(w Window) ([]qa.Order, int, error) { return q.BothSides(t.Context(), user, s, w) }
	}
	evaluated := func(doctor string) list {
		return func(w Window) ([]qa.Order, int, error) { return q.Evaluated(t.Context(), doctor, w) }
	}
	for _, c := range []struct {
		name   string
		list   list
		window Window
		want   []int64
		total  int
	}{
		{"of a patient", of(qa.PatientSide, "p"), all, []int64{11, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10},
		{"first page", of(qa.PatientSide, "p"), Window{0, 3}, []int64{11, 9, 8}, 10},
		{"second page", of(qa.PatientSide, "p"), Window{3, 3}, []int64{7, 6, 5}, 10},
		{"last page", of(qa.PatientSide, "p"), Window{9, 3}, []int64{1}, 10},
		{"past the end", of(qa.PatientSide, "p"), Window{30, 3}, nil, 10},
		{"of a doctor, without what is hidden", of(qa.DoctorSide, "d"), all, []int64{7, 6, 5, 4, 3, 2, 1}, 7},
		{"of a doctor who is a patient too", of(qa.PatientSide, "d"), all, []int64{10}, 1},
		{"of nobody", of(qa.PatientSide, "x"), all, nil, 0},
		{"unpaid", in(qa.PatientSide, "p", qa.Unpaid), all, []int64{1}, 1},
		{"asked", in(qa.PatientSide, "p", qa.Asked), all, []int64{9, 3}, 2},
		{"evaluated of the doctor", in(qa.DoctorSide, "d", qa.Evaluated), all, []int64{6}, 1},
		{"cancelled", in(qa.PatientSide, "p", qa.Cancelled), all, []int64{7}, 1},
		{"open of the patient", open(qa.PatientSide, "p"), all, []int64{9, 4, 3}, 3},
		{"open of the doctor", open(qa.DoctorSide, "d"), all, []int64{4, 3}, 2},
		{"open, second page", open(qa.PatientSide, "p"), Window{1, 1}, []int64{4}, 3},
		{"between", between(qa.PatientSide, "p", "e"), all, []int64{9, 8}, 2},
		{"between, from the doctor", between(qa.DoctorSide, "e", "p"), all, []int64{9, 8}, 2},
		{"between, newest", between(qa.DoctorSide, "e", "p"), Window{0, 1}, []int64{9}, 2},
		{"between strangers", between(qa.PatientSide, "p", "x"), all, nil, 0},
		{"both sides", both("d", qa.Asked), all, []int64{10, 3}, 2},
		{"evaluations, the first pk first", evaluated("d"), all, []int64{11, 6}, 2}, // their pks are 89 and 94
		{"evaluations, second page", evaluated("d"), Window{1, 4}, []int64{6}, 2},
		{"evaluations of another", evaluated("e"), all, []int64{8}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			orders, total, err := c.list(c.window)
			if err != nil || total != c.total || !slices.Equal(pks(orders), c.want) {
				t.Errorf("orders %v of %d, %v; want %v of %d", pks(orders), total, err, c.want, c.total)
			}
		})
	}
}

func TestGetOneOrder(t *testing.T) {
	q := someOrders(t)
	o, ok, err := q.Get(t.Context(), orderNumber(4))
	if err != nil || !ok || o.Status != qa.Answered || o.Patient != "p" || o.Answer.PK != 4 {
		t.Errorf("%+v, %v, %v", o, ok, err)
	}
	if _, ok, err := q.Get(t.Context(), orderNumber(99)); ok || err != nil {
		t.Errorf("an order there is not: %v, %v", ok, err)
	}
}

// TestBothSidesMerge walks the pages of a user with orders on both sides, of every size.
func TestBothSidesMerge(t *testing.T) {
	store := memory.New()
	var want []int64
	for n := 1; n <= 23; n++ {
		patient, doctor := "u", "d"
		if n%3 == 0 || n > 18 {
			patient, doctor = "p", "u"
		}
		recordOrder(t, store, n, placed(n, patient, doctor))
		want = append([]int64{int64(n)}, want...)
	}
	q := Orders{built(t, store)}
	for size := 1; size <= 25; size++ {
		var got []int64
		for offset := 0; offset < 23; offset += size {
			orders, total, err := q.BothSides(t.Context(), "u", qa.Unpaid, Window{offset, size})
			if err != nil || total != 23 || len(orders) > size {
				t.Fatalf("%d orders of %d, %v", len(orders), total, err)
			}
			got = append(got, pks(orders)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", size, got, want)
		}
	}
	if orders, total, err := q.BothSides(t.Context(), "u", qa.Unpaid, Window{23, 5}); err != nil || len(orders) != 0 || total != 23 {
		t.Errorf("past the end: %v of %d, %v", pks(orders), total, err)
	}
}

func TestUsers(t *testing.T) {
	store := memory.New()
	for pk, name := range []string{"zoe", "张三", "a-b", "doc"} {
		record[account.Event](t, store, account.Codec, "user-"+name, account.UserRegistered{
			Profile: account.Profile{PK: int64(pk + 1), Username: name, Name: "n" + name}, Credential: account.Credential{Verifier: "secret"}, At: t0})
	}
	record[account.Event](t, store, account.Codec, "user-doc", account.PriceSet{OrderType: "online", Amount: 1500, At: t0})
	newName := "neu"
	record[account.Event](t, store, account.Codec, "user-a-b", account.DataKeyMade{Key: "k1", At: t0}, account.PatientErased{By: "admin", Why: "w", At: t0})
	record[account.Event](t, store, account.Codec, "user-zoe", account.ProfileChanged{Name: &newName, At: t0}, account.UserDeactivated{At: t0})
	q := Users{built(t, store)}
	users, total, err := q.All(t.Context(), Window{1, 2})
	if err != nil || total != 4 || len(users) != 2 || users[0].Username != "张三" || users[1].Username != "a-b" {
		t.Errorf("%+v of %d, %v", users, total, err)
	}
	users, _, err = q.All(t.Context(), Window{0, 9})
	if err != nil || users[0].Active || users[0].Name != "neu" || !users[1].Active || users[3].Prices["online"] != 1500 {
		t.Errorf("%+v, %v", users, err)
	}
	for pk, want := range map[int64]string{1: "zoe", 3: "a-b", 4: "doc", 5: "", 0: "", -1: ""} {
		if name, err := q.ByPK(t.Context(), pk); err != nil || name != want {
			t.Errorf("pk %d is %q, %v; want %q", pk, name, err, want)
		}
	}
	people, err := q.People(t.Context(), "zoe", "nobody", "a-b")
	want := map[string]account.Person{"zoe": {Profile: account.Profile{PK: 1, Username: "zoe", Name: "neu"}},
		"a-b": {Profile: account.Profile{PK: 3, Username: "a-b", Name: "na-b"}, Privacy: account.Privacy{Key: "k1", Standing: account.Erased, Why: "w", At: t0}}}
	if err != nil || !reflect.DeepEqual(people, want) {
		t.Errorf("%+v, %v; want %+v", people, err, want)
	}
	if people, err := q.People(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("nobody asked for: %v, %v", people, err)
	}
}

func TestCatalogListsByPK(t *testing.T) {
	store := memory.New()
	for _, pk := range []int64{10, 9, 100, 1} {
		record[catalog.Event](t, store, catalog.Codec, fmt.Sprintf("tag-%d", pk), catalog.TagCreated{Tag: catalog.Tag{PK: pk, Name: fmt.Sprint("tag", pk)}})
		record[catalog.Event](t, store, catalog.Codec, fmt.Sprintf("drug-%d", pk+1), catalog.DrugCreated{Drug: catalog.Drug{PK: pk + 1, Name: fmt.Sprint("drug", pk+1)}})
	}
	q := Catalog{built(t, store)}
	tags, total, err := q.Tags(t.Context(), Window{1, 2})
	if err != nil || total != 4 || len(tags) != 2 || tags[0].Name != "tag9" || tags[1].Name != "tag10" {
		t.Errorf("%+v of %d, %v", tags, total, err)
	}
	drugs, total, err := q.Drugs(t.Context(), Window{0, 9})
	if err != nil || total != 4 || len(drugs) != 4 || drugs[0].PK != 2 || drugs[3].Name != "drug101" {
		t.Errorf("%+v of %d, %v", drugs, total, err)
	}
}

func TestQueriesTellTheViewsErrors(t *testing.T) {
	views := newViews()
	views.hook = func(string) error { return errViews }
	ctx, w := context.Background(), Window{0, 1}
	for name, call := range map[string]func() error{
		"Get":       func() error { _, _, err := Orders{views}.Get(ctx, "1"); return err },
		"Of":        func() error { _, _, err := Orders{views}.Of(ctx, qa.PatientSide, "p", w); return err },
		"BothSides": func() error { _, _, err := Orders{views}.BothSides(ctx, "p", qa.Paid, w); return err },
		"Evaluated": func() error { _, _, err := Orders{views}.Evaluated(ctx, "d", w); return err },
		"People":    func() error { _, err := Users{views}.People(ctx, "p"); return err },
		"ByPK":      func() error { _, err := Users{views}.ByPK(ctx, 1); return err },
		"All":       func() error { _, _, err := Users{views}.All(ctx, w); return err },
		"Tags":      func() error { _, _, err := Catalog{views}.Tags(ctx, w); return err },
		"Drugs":     func() error { _, _, err := Catalog{views}.Drugs(ctx, w); return err },
	} {
		if err := call(); !errors.Is(err, errViews) {
			t.Errorf("%s: %v, want %v", name, err, errViews)
		}
	}
}
