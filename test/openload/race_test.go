package openload_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"orderengine/domain/hospital"
	"orderengine/test/e2e/orderdtest"
)

// refundCall is a refundGeneral and what was answered.
type refundCall struct {
	his, order string
	amount     int
	all        string
	answer     answer
}

func (c *refundCall) send(s *orderdtest.Server) (err error) {
	c.answer, err = call(s, "refundGeneral", "refundType", "2", "orderNo", c.order, "hisRefundOrderNo", c.his,
		"refundAmout", strconv.Itoa(c.amount), "refundTime", "2026-01-16 09:00:00", "refundReason", "退费",
		"partialOrAllrefund", c.all, "pushMsg", "2")
	return err
}

// TestRefundsRace has 64 clients refund 8 orders with 96 numbers of the hospital's: many say the same again, some the
// same number for something else, and together they want far more than was paid.
func TestRefundsRace(t *testing.T) {
	t.Parallel()
	const clients, orders, hisNumbers, paid = 64, 8, 96, 1000
	s := orderdtest.Demo(t)
	made := make([]paidOrder, orders)
	for i := range made {
		made[i] = paidOrder{hospital.Outpatient, paid, hospital.Alipay, "patient1"}
	}
	numbers := load(t, s, made)

	var mu sync.Mutex
	var calls []refundCall
	var work sync.WaitGroup
	seed := rand.Uint64()
	t.Logf("seed: %d", seed)
	for client := range clients {
		work.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(client)))
			for range racerCalls {
				his := random.IntN(hisNumbers)
				c := refundCall{his: "R-" + strconv.Itoa(his), order: numbers[his%orders], amount: 40 + 7*(his/orders), all: "2"}
				switch random.IntN(8) {
				case 0:
					c.order = numbers[random.IntN(orders)]
				case 1:
					c.amount = 1 + random.IntN(paid+100)
				case 2:
					c.amount, c.all = paid, "1"
				}
				if err := c.send(s); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				calls = append(calls, c)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	accepted := checkAnswers(t, calls)
	checkRefunds(t, s, numbers, accepted)
}

// checkAnswers gives the calls that were accepted, by the hospital's number.
func checkAnswers(t *testing.T, calls []refundCall) map[string]refundCall {
	t.Helper()
	accepted, told := map[string]refundCall{}, map[string]int{}
	for _, c := range calls {
		told[c.answer.Code]++
		if c.answer.Code != "0" {
			continue
		}
		if first, again := accepted[c.his]; again {
			t.Errorf("%s was accepted twice, as %s and %s", c.his, first.answer.Result.RefundOrderNo, c.answer.Result.RefundOrderNo)
		}
		accepted[c.his] = c
	}
	for _, c := range calls {
		first := accepted[c.his]
		switch c.answer.Code {
		case "0", "3":
			if no := c.answer.Result.RefundOrderNo; no == "" || no != first.answer.Result.RefundOrderNo {
				t.Errorf("%s was answered %s with %q, first with %q", c.his, c.answer.Code, no, first.answer.Result.RefundOrderNo)
			}
			if c.order != first.order || c.amount != first.amount || c.all != first.all {
				t.Errorf("%s was answered %s for %+v, but stands for %+v", c.his, c.answer.Code, c, first)
			}
		case "2":
			if c.answer.Desc == "" || c.answer.Result.RefundOrderNo != "" {
				t.Errorf("%s was refused with %+v", c.his, c.answer)
			}
		default:
			t.Errorf("%s was answered %s %s", c.his, c.answer.Code, c.answer.Desc)
		}
	}
	t.Logf("answers by code: %v", told)
	if told["0"] == 0 || told["2"] == 0 || told["3"] == 0 {
		t.Errorf("the race was none: %v", told)
	}
	return accepted
}

// checkRefunds compares what became of the orders with what was answered.
func checkRefunds(t *testing.T, s *orderdtest.Server, numbers []string, accepted map[string]refundCall) {
	t.Helper()
	rows := map[string]row{}
	for _, r := range trades(t, s) {
		if r.TradeType == "2" {
			rows[r.HisRefundOrderNo] = r
		}
	}
	for his, c := range accepted {
		if r := rows[his]; r.OrderNo != c.order || r.RefundTotalFee != c.amount || r.RefundOrderNo != c.answer.Result.RefundOrderNo {
			t.Errorf("%s was accepted as %+v, but is %+v", his, c, r)
		}
	}
	refunds := 0
	for _, number := range numbers {
		var o struct {
			Paid, Refunded int
			Refunds        []struct{ Amount int }
		}
		s.As(orderdtest.Patient1).Get("/hospital/order/detail/"+number+"/").Want(t, http.StatusOK).Into(t, &o)
		sum := 0
		for _, r := range o.Refunds {
			sum += r.Amount
		}
		refunds += len(o.Refunds)
		if sum > o.Paid || sum != o.Refunded {
			t.Errorf("order %s: %d paid, %d refunded, refunds of %d", number, o.Paid, o.Refunded, sum)
		}
	}
	if refunds != len(accepted) || len(rows) != len(accepted) {
		t.Errorf("%d were accepted, there are %d refunds and %d rows", len(accepted), refunds, len(rows))
	}
}
