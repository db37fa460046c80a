package projections

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
)

// A hospital's queries read rows, not orders: a day of 100,000 rows is one walk along an index whose members hold
// all that a row shows, fields between tabs, those that the rows are sorted by first. A month is an index of its own,
// so that none grows for ever.

// tab stands between the fields of a row. What may hold one is not taken from anybody.
const tab = "\t"

func tradesIn(code, month string) string { return "trades/" + code + "/" + month }
func visitsIn(code, month string) string { return "visits/" + code + "/" + month }

// The document's values of tradeType.
const (
	tradePayment = "1"
	tradeRefund  = "2"
)

// tradeListings are the rows of ordersQuery (2.3): one for the payment, and one more for each refund.
func tradeListings(o hospital.Order) []Listing {
	var listings []Listing
	for i, t := range trades(o) {
		index := tradesIn(o.Hospital, t.time[:len("2006-01")])
		listings = append(listings, Listing{index, strings.Join([]string{t.time, o.Number, strconv.Itoa(1000 + i),
			strconv.Itoa(int(o.Kind)), t.mode, t.refundNo, o.HisOrderNo, t.hisRefundNo, t.agtNo, t.agtRefundNo,
			o.TraceNo, "", fen(o.Amount), t.refunded, t.kind}, tab)})
	}
	return listings
}

// visitListings are the rows of regOrdersQuery (2.4).
func visitListings(o hospital.Order) []Listing {
	if o.Kind != hospital.Registration {
		return nil
	}
	var listings []Listing
	for i, t := range trades(o) {
		index := visitsIn(o.Hospital, o.BookDate[:len("2006-01")])
		listings = append(listings, Listing{index, strings.Join([]string{o.BookDate, t.time, o.Number, strconv.Itoa(1000 + i),
			o.Branch, strconv.Itoa(int(o.RegType)), t.mode, t.refundNo, o.HisOrderNo, t.hisRefundNo, t.agtNo, t.agtRefundNo,
			fen(o.Amount), t.refunded, t.kind}, tab)})
	}
	return listings
}

// trade is what a payment or a refund of an order puts into a row; the time is the payment's in both.
type trade struct {
	time, mode, agtNo                            string
	refundNo, hisRefundNo, agtRefundNo, refunded string
	kind                                         string
}

// trades are an order's payment and refunds; a refund that failed is none.
func trades(o hospital.Order) []trade {
	paid := o.Payment()
	if paid == nil {
		return nil
	}
	t := trade{time: paid.At.In(hospital.Zone).Format(hospital.TimeLayout), mode: strconv.Itoa(int(o.TradeMode())),
		agtNo: paid.TransactionNo, kind: tradePayment}
	if t.agtNo == "" {
		t.agtNo = paid.Ref
	}
	all := []trade{t}
	for _, r := range o.RefundOrders {
		carrier := o.Carrier(r.No)
		if carrier.Status == payment.Failed {
			continue
		}
		t.kind, t.refundNo, t.hisRefundNo, t.agtRefundNo, t.refunded = tradeRefund, r.No, r.HisNo, carrier.ChannelNo(), fen(r.Amount)
		all = append(all, t)
	}
	return all
}

func fen(f domain.Fen) string { return strconv.FormatInt(int64(f), 10) }

// TradeFields are the fields of a row of ordersQuery, in the document's order.
var TradeFields = []string{"tradeTime", "orderMode", "tradeMode", "orderNo", "refundOrderNo", "hisOrderNo", "hisRefundOrderNo",
	"agtOrderNo", "agtRefundOrderNo", "agtTraceNo", "agtRefundTraceNo", "payTotalFee", "refundTotalFee", "tradeType"}

// TradeQuery says which trades: both ends included, to the second.
type TradeQuery struct {
	Hospital string
	From, To time.Time
	Kind     hospital.Kind      // 0 is all
	Platform hospital.Platform  // 0 is all
	Mode     hospital.TradeMode // 0 is all
}

// Trades gives the rows of ordersQuery, in the order of their time. A row is only good until the next one.
func (q HospitalOrders) Trades(ctx context.Context, t TradeQuery) iter.Seq2[[]string, error] {
	from, to := t.From.In(hospital.Zone), t.To.In(hospital.Zone)
	span := span{from: from.Format(hospital.TimeLayout), to: to.Format(hospital.TimeLayout) + "\xff", keys: 3}
	for _, month := range hospital.Months(from, to) {
		span.indexes = append(span.indexes, tradesIn(t.Hospital, month))
	}
	kind, mode, platform := wanted(int(t.Kind)), wanted(int(t.Mode)), wanted(int(t.Platform))
	row := make([]string, len(TradeFields))
	return rows(ctx, q.Views, span, func(m []string) []string {
		if !matches(kind, m[3]) || !matches(mode, m[4]) || !matches(platform, m[1][:1]) {
			return nil
		}
		row[0], row[1], row[2], row[3] = m[0], m[3], m[4], m[1]
		copy(row[4:], m[5:])
		return row
	})
}

// VisitFields are the fields of a row of regOrdersQuery, in the document's order. The name of the branch, after its
// code, is the caller's to fill in.
var VisitFields = []string{"branchCode", "branchName", "bookDate", "tradeTime", "regType", "tradeMode", "orderNo", "agtRefundOrderNo",
	"hisOrderNo", "hisRefundOrderNo", "agtOrderNo", "agtRefundPayOrderNo", "payTotalFee", "refundTotalFee", "tradeType"}

// VisitQuery says which registrations: both days included.
type VisitQuery struct {
	Hospital string
	Branch   string // "" is all
	From, To time.Time
	RegType  hospital.RegType   // 0 is all
	Mode     hospital.TradeMode // 0 is all
}

// Visits gives the rows of regOrdersQuery, in the order of their day. A row is only good until the next one.
func (q HospitalOrders) Visits(ctx context.Context, v VisitQuery) iter.Seq2[[]string, error] {
	from, to := v.From.In(hospital.Zone), v.To.In(hospital.Zone)
	span := span{from: from.Format(hospital.DateLayout), to: to.Format(hospital.DateLayout) + "\xff", keys: 4}
	for _, month := range hospital.Months(from, to) {
		span.indexes = append(span.indexes, visitsIn(v.Hospital, month))
	}
	regType, mode := wanted(int(v.RegType)), wanted(int(v.Mode))
	row := make([]string, len(VisitFields))
	return rows(ctx, q.Views, span, func(m []string) []string {
		if v.Branch != "" && m[4] != v.Branch || !matches(regType, m[5]) || !matches(mode, m[6]) {
			return nil
		}
		row[0], row[1], row[2], row[3], row[4], row[5], row[6] = m[4], "", m[0], m[1], m[5], m[6], m[2]
		copy(row[7:], m[7:])
		return row
	})
}

// wanted is a number that is asked for, "" for all.
func wanted(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func matches(want, is string) bool { return want == "" || want == is }

// span is a part of several indexes, which follow each other.
type span struct {
	indexes  []string
	from, to string
	keys     int // how many fields tell a row from all others, and stay when the rest of it changes
}

// rowsStep is how many rows are read at once.
const rowsStep = 1000

// rows gives what a span holds; show makes of a member's fields what is given, nil for what is not wanted.
func rows(ctx context.Context, views Reader, s span, show func(member []string) []string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		fields := make([]string, 0, 16)
		for members, err := range ahead(ctx, func(ctx context.Context) iter.Seq2[[]string, error] { return stretches(ctx, views, s) }) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, member := range members {
				fields = appendFields(fields[:0], member)
				if row := show(fields); row != nil && !yield(row, nil) {
					return
				}
			}
		}
	}
}

// stretches walks along the indexes, so many members at once.
func stretches(ctx context.Context, views Reader, s span) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, index := range s.indexes {
			r := Range{From: s.from, To: s.to, Limit: rowsStep}
			for {
				found, err := views.Range(ctx, index, r)
				if !yield(found.Members, err) || err != nil {
					return
				}
				if len(found.Members) < r.Limit {
					break
				}
				// A row that changes while it is the last one is not given a second time.
				last := strings.SplitN(found.Members[r.Limit-1], tab, s.keys+1)
				r.From = strings.Join(last[:s.keys], tab) + "\xff"
			}
		}
	}
}

// ahead gives what a sequence gives, and has the next made while one is used. A sequence that ctx cuts short ends
// with ctx's error. It returns when the sequence has ended.
func ahead[V any](ctx context.Context, sequence func(context.Context) iter.Seq2[V, error]) iter.Seq2[V, error] {
	type item struct {
		value V
		err   error
	}
	return func(yield func(V, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		made := make(chan item)
		var work sync.WaitGroup
		work.Go(func() {
			defer close(made)
			for value, err := range sequence(ctx) {
				select {
				case made <- item{value, err}:
				case <-ctx.Done():
					return
				}
			}
		})
		defer work.Wait()
		defer stop()
		for one := range made {
			if !yield(one.value, one.err) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			var none V
			yield(none, err)
		}
	}
}

// appendFields is strings.Split without its garbage.
func appendFields(fields []string, member string) []string {
	for {
		end := strings.IndexByte(member, tab[0])
		if end < 0 {
			return append(fields, member)
		}
		fields, member = append(fields, member[:end]), member[end+1:]
	}
}
