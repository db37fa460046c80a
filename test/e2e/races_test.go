package e2e

import (
	"fmt"
	"maps"
	"testing"

	"orderengine/test/e2e/orderdtest"
)

const racers = 64

// TestRacesOnOneOrder has 64 clients send one command: one wins, the others are refused with its number.
func TestRacesOnOneOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p, d := server.As(patient1), server.As(doctor1)
		for _, race := range []struct {
			name    string
			in      int
			send    func(o order) orderdtest.Reply
			won     string
			refused string
			after   int
		}{
			{"cancel", unpaid, func(o order) orderdtest.Reply { return p.Send("PUT", path("cancel", o.OrderNumber)) }, "200", "400/-2", cancelled},
			{"ask", paid, func(o order) orderdtest.Reply {
				return p.Send("POST", "/qaorder/question/create/", question(o.OrderNumber))
			}, "201", "400/-3", asked},
			{"answer", asked, func(o order) orderdtest.Reply {
				return d.Send("POST", "/qaorder/answer/create/", answer(o.Question.PK))
			}, "201", "400/-8", answered},
			{"finish", answered, func(o order) orderdtest.Reply { return p.Send("PUT", path("finish", o.OrderNumber)) }, "200", "400/-4", finished},
			{"evaluate", finished, func(o order) orderdtest.Reply {
				return p.Send("PUT", path("evaluate", o.OrderNumber), form("scores=5&content=x"))
			}, "200", "400/-5", evaluated},
			{"refund", paid, func(o order) orderdtest.Reply { return p.Send("PUT", path("refund", o.OrderNumber)) }, "200", "400/-7", cancelled},
			{"destroy", evaluated, func(o order) orderdtest.Reply { return p.Send("DELETE", path("destroy", o.OrderNumber)) }, "204", "404", -1},
		} {
			t.Run(race.name, func(t *testing.T) {
				o := placed(t, server, race.in)
				before := balance(t, server, "patient1")
				got := tally(atOnce(racers, func(int) orderdtest.Reply { return race.send(o) }))
				if want := map[string]int{race.won: 1, race.refused: racers - 1}; !maps.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if race.after >= 0 {
					if o = orderOf(t, p.Get(path("detail", o.OrderNumber))); o.Status != race.after {
						t.Errorf("the order is %d", o.Status)
					}
				}
				if race.name == "refund" {
					before = add(t, before, 15)
				}
				if after := balance(t, server, "patient1"); after != before {
					t.Errorf("the wallet holds %s, not %s", after, before)
				}
			})
		}
	})
}

// add adds whole yuan to an amount.
func add(t *testing.T, amount string, yuan int) string {
	t.Helper()
	var whole, cents int
	if _, err := fmt.Sscanf(amount, "%d.%d", &whole, &cents); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d.%02d", whole+yuan, cents)
}

// TestPaymentRaces has 64 clients pay one order at once: the money goes once, or there is one charge.
func TestPaymentRaces(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := server.As(patient1)
		o := place(t, server)
		for _, channel := range []string{"alipay", "wx"} {
			replies := atOnce(racers, func(int) orderdtest.Reply {
				return p.Send("PATCH", path("pay", o.OrderNumber), form("channel="+channel))
			})
			for _, r := range replies {
				if r.Status != 200 || r.Body != replies[0].Body {
					t.Fatalf("%s: %d %s, another client got %s", channel, r.Status, r.Body, replies[0].Body)
				}
			}
		}
		got := tally(atOnce(racers, func(int) orderdtest.Reply {
			return p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance"))
		}))
		// Who comes while the payment is under way shares its outcome.
		if got["200"] < 1 || got["200"]+got["400/-1"] != racers {
			t.Errorf("balance: %v", got)
		}
		if after := balance(t, server, "patient1"); after != "985.00" {
			t.Errorf("the wallet holds %s", after)
		}
		// Cancel and pay race: whatever comes out, money and order agree.
		for range 24 {
			before := balance(t, server, "patient1")
			o := place(t, server)
			replies := atOnce(2, func(i int) orderdtest.Reply {
				if i == 0 {
					return p.Send("PUT", path("cancel", o.OrderNumber))
				}
				return p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance"))
			})
			o = orderOf(t, p.Get(path("detail", o.OrderNumber)).Want(t, 200))
			want := before
			if o.Status == paid {
				want = add(t, before, -15)
			}
			if (o.Status == cancelled) != (replies[0].Status == 200) || (o.Status == paid) != (replies[1].Status == 200) {
				t.Errorf("the order is %d, cancel was told %d, pay %d %s", o.Status, replies[0].Status, replies[1].Status, replies[1].Body)
			}
			server.Eventually("wallet at "+want, func() bool { return balance(t, server, "patient1") == want })
		}
	})
}

// TestOneWalletManyOrders has 64 payments race for the money of 10: it never falls below zero.
func TestOneWalletManyOrders(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		p := server.As(patient1)
		orders := make([]order, racers)
		for i := range orders {
			orders[i] = placeFrom(t, p, "doctor2", "monthly") // 99.00 of the wallet's 1000.00
		}
		replies := atOnce(racers, func(i int) orderdtest.Reply {
			return p.Send("PATCH", path("pay", orders[i].OrderNumber), form("channel=balance"))
		})
		if got, want := tally(replies), map[string]int{"200": 10, "400/-9": racers - 10}; !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if after := balance(t, server, "patient1"); after != "10.00" {
			t.Errorf("the wallet holds %s", after)
		}
		for i, o := range orders {
			want := unpaid
			if replies[i].Status == 200 {
				want = paid
			}
			if got := orderOf(t, p.Get(path("detail", o.OrderNumber))); got.Status != want {
				t.Errorf("order %s is %d, its payer was told %d", o.OrderNumber, got.Status, replies[i].Status)
			}
		}
		topUp(t, server, "patient1", "89.00")
		for i, r := range replies {
			if r.Status != 200 {
				p.Send("PATCH", path("pay", orders[i].OrderNumber), form("channel=balance")).Want(t, 200)
				break
			}
		}
		if after := balance(t, server, "patient1"); after != "0.00" {
			t.Errorf("the wallet holds %s", after)
		}
	})
}

// TestReadYourWrites has clients command and read at once: after every command the next GET shows it.
func TestReadYourWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, s setup) {
		server := s.demo(t)
		const clients, rounds = 16, 6
		tokens := make([]string, clients)
		for i := range tokens {
			name := fmt.Sprintf("writer%d", i)
			tokens[i] = register(t, server, name, "")
			topUp(t, server, name, "1000.00")
		}
		atOnce(clients, func(i int) (last orderdtest.Reply) {
			p, d := server.As(tokens[i]), server.As(doctor1)
			for round := range rounds {
				o := order{}
				shows := func(status int) {
					number := o.OrderNumber
					o = order{}
					p.Get(path("detail", number)).Into(t, &o)
					in, all := list[order]{}, list[order]{}
					p.Get(fmt.Sprintf("/qaorder/order/patient/list/?status=%d", status)).Into(t, &in)
					p.Get("/qaorder/order/patient/list/").Into(t, &all)
					if o.Status != status || len(in.Results) == 0 || in.Results[0].OrderNumber != number || all.Count != round+1 || all.Results[0].Status != status {
						t.Errorf("after a command to %d: %+v, first in its list %+v, %d in all", status, o, in, all.Count)
					}
				}
				p.Send("POST", "/qaorder/order/create/", form("doctor=doctor1&order_type=online")).Into(t, &o)
				shows(unpaid)
				p.Send("PATCH", path("pay", o.OrderNumber), form("channel=balance"))
				shows(paid)
				p.Send("POST", "/qaorder/question/create/", question(o.OrderNumber))
				shows(asked)
				if o.Question == nil {
					return
				}
				d.Send("POST", "/qaorder/answer/create/", answer(o.Question.PK))
				shows(answered)
				p.Send("PUT", path("finish", o.OrderNumber))
				shows(finished)
				last = p.Send("PUT", path("evaluate", o.OrderNumber), form("scores=1&content=x"))
				shows(evaluated)
			}
			return last
		})
		if got := listOf(t, server.As(doctor1).Get("/qaorder/user/doctor1/")); got.Count != clients*rounds {
			t.Errorf("%d evaluations, want %d", got.Count, clients*rounds)
		}
	})
}
