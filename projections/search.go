package projections

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/eventstore"
)

// A search walks along all orders in the order of their time. What of an order never changes stands in its member, so
// that of most orders nothing more is read. A year is an index of its own, so that none grows for ever; an order is
// listed with its first event and costs nothing more later.

func placedIn(year int) string { return "placed/" + strconv.Itoa(year) }

// channelsLike has "<channel number> <order> <revision>", between tabs, of every payment. Some numbers share an index, so that there
// are neither a few large ones nor as many as payments.
func channelsLike(no string) string {
	h := fnv.New32a()
	h.Write([]byte(no)) // never fails
	return fmt.Sprintf("channels/%02x", h.Sum32()%256)
}

// placement is the listing of an order with what is searched for.
func placement(f FoundOrder) Listing {
	return Listing{placedIn(f.At.UTC().Year()), strings.Join([]string{ranked(f.At.UnixMicro(), f.Number), f.Kind, f.Patient, f.Doctor, f.Hospital}, tab)}
}

// channelListings are those of a payment's numbers: the charge's, and the one that the channel gave it.
func channelListings(number string, r payment.Receipt, at eventstore.Revision) (listings []Listing) {
	for _, no := range channelNos(r) {
		listings = append(listings, Listing{channelsLike(no), strings.Join([]string{no, number, strconv.FormatInt(int64(at), 10)}, tab)})
	}
	return listings
}

func channelNos(r payment.Receipt) (nos []string) {
	for _, no := range []string{r.Ref, r.TransactionNo} {
		if no != "" && !slices.Contains(nos, no) {
			nos = append(nos, no)
		}
	}
	return nos
}

func qaSearchLines(_ string, o qa.Order, e qa.Event, recorded eventstore.Recorded) Rows {
	switch e := e.(type) {
	case qa.OrderPlaced:
		return Rows{Listings: []Listing{placement(foundQA(o))}}
	case payment.OrderPaid:
		return Rows{Listings: channelListings(o.Number, e.Receipt, recorded.Revision)}
	case payment.SurplusReceived:
		return Rows{Listings: channelListings(o.Number, e.Receipt, recorded.Revision)}
	}
	return Rows{}
}

func hospitalSearchLines(_ string, o hospital.Order, e hospital.Event, recorded eventstore.Recorded) Rows {
	switch e := e.(type) {
	case hospital.HospitalOrderPlaced:
		return Rows{Listings: []Listing{placement(foundHospital(o))}}
	case hospital.HospitalOrderImported:
		return Rows{Listings: append(channelListings(o.Number, e.Receipt, recorded.Revision), placement(foundHospital(o)))}
	case payment.OrderPaid:
		return Rows{Listings: channelListings(o.Number, e.Receipt, recorded.Revision)}
	case payment.SurplusReceived:
		return Rows{Listings: channelListings(o.Number, e.Receipt, recorded.Revision)}
	}
	return Rows{}
}

// FoundOrder is an order of either kind as a search shows it.
type FoundOrder struct {
	Number     string
	Kind       string // "online", "monthly"; "registration", "outpatient", "deposit"
	State      string // in its lifecycle's table
	Patient    string
	Doctor     string // of a Q&A order
	Hospital   string // this and HisOrderNo: of a hospital's order
	HisOrderNo string
	ChannelNos []string // of its payments
	Amount     domain.Fen
	Paid       domain.Fen
	Refunded   domain.Fen // of that: what went back, or is on its way
	At         time.Time
}

// hospitalKinds are the names of [hospital.Kinds].
var hospitalKinds = map[hospital.Kind]string{hospital.Registration: "registration", hospital.Outpatient: "outpatient", hospital.Deposit: "deposit"}

// The kinds that are searched for: all of a lifecycle, or one.
const (
	AnyQA       = "qa"
	AnyHospital = "hospital"
)

// SearchKinds are all that a search takes.
func SearchKinds() []string {
	kinds := []string{AnyQA}
	for _, t := range qa.Types {
		kinds = append(kinds, string(t))
	}
	kinds = append(kinds, AnyHospital)
	for _, k := range hospital.Kinds {
		kinds = append(kinds, hospitalKinds[k])
	}
	return kinds
}

// SearchStates are all that a search takes.
func SearchStates() (states []string) {
	for _, s := range qa.Statuses {
		states = append(states, s.String())
	}
	for _, s := range hospital.Statuses {
		if !slices.Contains(states, s.String()) {
			states = append(states, s.String())
		}
	}
	return states
}

func foundQA(o qa.Order) FoundOrder {
	f := FoundOrder{Number: o.Number, Kind: string(o.Type), State: o.Status.String(), Patient: o.Patient, Doctor: o.Doctor, Amount: o.Amount, At: o.At}
	return f.with(o.Ledger)
}

func foundHospital(o hospital.Order) FoundOrder {
	f := FoundOrder{Number: o.Number, Kind: hospitalKinds[o.Kind], State: o.Status.String(), Patient: o.Patient, Hospital: o.Hospital,
		HisOrderNo: o.HisOrderNo, Amount: o.Amount, At: o.At}
	return f.with(o.Ledger)
}

func (f FoundOrder) with(money payment.Ledger) FoundOrder {
	for _, r := range money.Receipts {
		for _, no := range channelNos(r) {
			if !slices.Contains(f.ChannelNos, no) {
				f.ChannelNos = append(f.ChannelNos, no)
			}
		}
	}
	if paid := money.Payment(); paid != nil {
		f.Paid, f.Refunded = paid.Amount, paid.Amount-money.Refundable(paid.Ref)
	}
	return f
}

// Search says which orders; all that is not "" or zero must hold.
type Search struct {
	Numbers    []string // one of these, if it is not nil
	User       string   // as patient or doctor
	Hospital   string   // its code
	HisOrderNo string
	ChannelNo  string
	From, To   time.Time // placed at or after From, before To
	State      string
	Kind       string // one of [SearchKinds]
}

// mayBe says whether an order can be among those searched for, as far as a member of the index tells.
func (s Search) mayBe(f FoundOrder) bool {
	return (s.Numbers == nil || slices.Contains(s.Numbers, f.Number)) &&
		(s.User == "" || f.Patient == s.User || f.Doctor == s.User) &&
		(s.Hospital == "" || f.Hospital == s.Hospital) &&
		(s.Kind == "" || f.Kind == s.Kind || s.Kind == AnyQA && f.Hospital == "" || s.Kind == AnyHospital && f.Hospital != "")
}

// is says whether an order is among those searched for.
func (s Search) is(f FoundOrder) bool {
	return s.mayBe(f) &&
		(s.State == "" || f.State == s.State) &&
		(s.HisOrderNo == "" || f.HisOrderNo == s.HisOrderNo) &&
		(s.ChannelNo == "" || slices.Contains(f.ChannelNos, s.ChannelNo)) &&
		(s.From.IsZero() || !f.At.Before(s.From)) && (s.To.IsZero() || f.At.Before(s.To))
}

// Limits of one call of a search: with a rare state among many orders it ends before it has found a page.
const (
	searchMembers = 200_000 // that are looked at
	searchOrders  = 2_000   // that are read
	searchStep    = 100     // orders that are read at once
	memberStep    = 1_000   // members that are read at once
)

// Searches finds orders.
type Searches struct{ Views Reader }

// Page gives up to limit of the orders searched for, in the order of their time, after a place that an earlier call gave
// ("" is the beginning); next is where to go on, "" at the end. A page may be short, or empty, though others follow:
// one call looks only so far.
func (q Searches) Page(ctx context.Context, s Search, after string, limit int) (found []FoundOrder, next string, err error) {
	if s.ChannelNo != "" && s.Numbers == nil {
		if s.Numbers, err = q.paidBy(ctx, s.ChannelNo); err != nil {
			return nil, "", err
		}
	}
	if s.Numbers != nil {
		found, err = q.among(ctx, s, after)
	} else {
		found, next, err = q.walk(ctx, s, after, limit+1)
	}
	if err == nil && len(found) > limit {
		found, next = found[:limit], placeOf(found[limit-1])
	}
	return found, next, err
}

// SearchPlace is what the places of a search look like.
var SearchPlace = regexp.MustCompile(`^[0-9]{20}-[0-9]{19,26}$`)

func placeOf(f FoundOrder) string { return ranked(f.At.UnixMicro(), f.Number) }

// paidBy are the orders of the payments with a channel number.
func (q Searches) paidBy(ctx context.Context, no string) ([]string, error) {
	listed, err := members(ctx, q.Views, channelsLike(no), Range{From: no + tab, To: no + tab + "\xff"})
	numbers := make([]string, len(listed))
	for i, member := range listed {
		numbers[i] = appendFields(nil, member)[1]
	}
	return slices.Compact(numbers), err
}

// members are all of a part of an index, whatever its limit.
func members(ctx context.Context, views Reader, index string, r Range) (all []string, err error) {
	for r.Limit = memberStep; ; {
		part, err := views.Range(ctx, index, r)
		if err != nil {
			return nil, err
		}
		all = append(all, part.Members...)
		if len(part.Members) < r.Limit {
			return all, nil
		}
		r.From = all[len(all)-1] + "\x00"
	}
}

// among are the orders searched for that have one of the numbers.
func (q Searches) among(ctx context.Context, s Search, after string) ([]FoundOrder, error) {
	found, err := q.read(ctx, s.Numbers)
	return slices.DeleteFunc(found, func(f FoundOrder) bool { return !s.is(f) || placeOf(f) <= after }), err
}

// read reads orders of either kind, in the order of their time; those that are not there are left out.
func (q Searches) read(ctx context.Context, numbers []string) ([]FoundOrder, error) {
	found := make([]FoundOrder, 0, len(numbers))
	placed, err := HospitalOrders(q).get(ctx, slices.DeleteFunc(slices.Clone(numbers), func(n string) bool { return !hospital.IsNumber(n) }))
	if err != nil {
		return nil, err
	}
	for _, o := range placed {
		found = append(found, foundHospital(o))
	}
	asked, err := Orders(q).get(ctx, slices.DeleteFunc(slices.Clone(numbers), hospital.IsNumber))
	if err != nil {
		return nil, err
	}
	for _, o := range asked {
		found = append(found, foundQA(o))
	}
	slices.SortFunc(found, func(a, b FoundOrder) int { return cmp.Compare(placeOf(a), placeOf(b)) })
	return found, nil
}

// walk looks at the orders one after another.
func (q Searches) walk(ctx context.Context, s Search, after string, limit int) (found []FoundOrder, next string, err error) {
	w := walk{q: q, s: s, limit: limit, step: min(limit, searchStep)}
	from, to := searchSpan(s, after)
	for year := from.UTC().Year(); year <= to.UTC().Year() && !w.full(); year++ {
		r := Range{From: max(rank(from), after+tab+"\xff"), To: rank(to), Limit: memberStep}
		for more := true; more && !w.full(); {
			part, err := q.Views.Range(ctx, placedIn(year), r)
			if err != nil {
				return nil, "", err
			}
			if err := w.take(ctx, part.Members); err != nil {
				return nil, "", err
			}
			if more = len(part.Members) == r.Limit; more {
				r.From = part.Members[len(part.Members)-1] + "\x00"
			}
		}
	}
	if err := w.settle(ctx); err != nil {
		return nil, "", err
	}
	if w.spent() {
		next = w.at
	}
	return w.found, next, nil
}

// rank is what the members of orders that were placed at a time or later do not stand before.
func rank(at time.Time) string { return fmt.Sprintf("%020d", at.UnixMicro()) }

// searchSpan is the time that is walked along: what an order can have, as far as it is asked for.
func searchSpan(s Search, after string) (from, to time.Time) {
	from, to = s.From, s.To
	if micros, err := strconv.ParseInt(strings.SplitN(after, "-", 2)[0], 10, 64); err == nil && time.UnixMicro(micros).After(from) {
		from = time.UnixMicro(micros)
	}
	if earliest := time.Unix(0, 0); from.Before(earliest) {
		from = earliest
	}
	if latest := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC); to.IsZero() || to.After(latest) {
		to = latest
	}
	return from, to.Add(time.Microsecond - 1) // members are ranked by microseconds
}

// walk is a search under way.
type walk struct {
	q       Searches
	s       Search
	limit   int
	found   []FoundOrder
	waiting []string // numbers of orders that may be, not yet read
	step    int      // so many are read at once: a page at first, more if few are what is searched for
	members int      // looked at
	orders  int      // read
	at      string   // the place of the last member that was looked at
}

// spent says that the call has looked far enough.
func (w *walk) spent() bool { return w.members >= searchMembers || w.orders >= searchOrders }

func (w *walk) full() bool { return len(w.found) >= w.limit || w.spent() }

// take looks at members, until there is enough.
func (w *walk) take(ctx context.Context, members []string) error {
	fields := make([]string, 0, 5)
	for _, member := range members {
		fields = appendFields(fields[:0], member)
		w.members, w.at = w.members+1, fields[0]
		may := FoundOrder{Number: fields[0][rankSize:], Kind: fields[1], Patient: fields[2], Doctor: fields[3], Hospital: fields[4]}
		if !w.s.mayBe(may) {
			continue
		}
		if w.waiting = append(w.waiting, may.Number); len(w.waiting) < w.step {
			continue
		}
		if err := w.settle(ctx); err != nil || w.full() {
			return err
		}
	}
	return nil
}

// settle reads the orders that wait.
func (w *walk) settle(ctx context.Context) error {
	read, err := w.q.read(ctx, w.waiting)
	for _, f := range read {
		if w.s.is(f) {
			w.found = append(w.found, f)
		}
	}
	w.orders, w.waiting, w.step = w.orders+len(w.waiting), w.waiting[:0], min(2*w.step, searchStep)
	return err
}
