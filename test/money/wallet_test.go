package money

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"orderengine/domain"
	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

type line struct {
	Kind    string
	Amount  string
	Balance string
	Order   string `json:"order_number"`
	Note    string
}

func fen(t *testing.T, yuan string) domain.Fen {
	t.Helper()
	sign, text := domain.Fen(1), yuan
	if rest, ok := strings.CutPrefix(yuan, "-"); ok {
		sign, text = -1, rest
	}
	var whole, cents domain.Fen
	if _, err := fmt.Sscanf(text, "%d.%d", &whole, &cents); err != nil || fmt.Sprintf("%d.%02d", whole, cents) != text {
		t.Fatalf("%q is no amount", yuan)
	}
	return sign * (whole*100 + cents)
}

// statement reads a wallet's whole statement, page by page, newest first.
func (s *shop) statement(p orderdtest.Client) (lines []line) {
	s.t.Helper()
	for at := "/wallet/statement/?page_size=7"; at != ""; {
		var page struct {
			Count   int
			Next    *string
			Results []line
		}
		p.Get(at).Want(s.t, http.StatusOK).Into(s.t, &page)
		lines = append(lines, page.Results...)
		at = ""
		if page.Next != nil {
			at = strings.TrimPrefix(*page.Next, orderdtest.Origin)
		} else if page.Count != len(lines) {
			s.t.Errorf("%d lines of %d", len(lines), page.Count)
		}
	}
	return lines
}

func (s *shop) balance(name string) domain.Fen {
	s.t.Helper()
	var user struct{ Balance string }
	s.admin().Get("/admin/users/"+name+"/").Want(s.t, http.StatusOK).Into(s.t, &user)
	return fen(s.t, user.Balance)
}

// TestAWalletAddsUp has 64 payments race for the money of 20, gives half of them back in a race, tops up
// meanwhile, and adds the statement up.
func TestAWalletAddsUp(t *testing.T) {
	t.Parallel()
	s := open(t, pingpp.Options{}, orderdtest.Bare)
	p := s.patients[0]
	topUp := func(client orderdtest.Client, yuan string) orderdtest.Reply {
		return client.Send("POST", "/admin/users/patient0/topup/", orderdtest.Form("amount="+yuan+"&note=n"))
	}
	const racers, funded = 64, 20
	topUp(s.admin(), fmt.Sprintf("%d.00", 15*funded)).Want(t, http.StatusOK)
	numbers := make([]string, racers)
	for i := range numbers {
		numbers[i] = s.place(p, "online").Number
	}
	var mu sync.Mutex
	var won []string
	refused := 0
	each(racers, racers, func(i int) {
		r := p.Send("PATCH", path("pay", numbers[i]), orderdtest.Form("channel=balance"))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Status == http.StatusOK:
			won = append(won, numbers[i])
		case r.Refusal() == -9:
			refused++
		default:
			t.Errorf("%d %s %v", r.Status, r.Body, r.Err)
		}
	})
	if len(won) != funded || refused != racers-funded || s.balance("patient0") != 0 {
		t.Fatalf("%d were paid, %d refused, %d fen are left", len(won), refused, s.balance("patient0"))
	}
	each(funded, funded, func(i int) {
		if i%2 == 0 {
			for range 3 { // the first alone counts
				p.Send("PUT", path("refund", won[i]))
			}
		} else {
			topUp(s.admin().With("Idempotency-Key", fmt.Sprintf("topup-%d", i/4)), "1.00").Want(t, http.StatusOK)
		}
	})
	s.server.Eventually("ten refunds", func() bool { return s.balance("patient0") == funded/2*1500+5*100 })

	lines := s.statement(p)
	var sum domain.Fen
	kinds := map[string]int{}
	for i := len(lines) - 1; i >= 0; i-- {
		l := lines[i]
		kinds[l.Kind]++
		sum += fen(t, l.Amount)
		if fen(t, l.Balance) != sum || sum < 0 {
			t.Errorf("line %d: %+v; they add up to %d", i, l, sum)
		}
	}
	if sum != s.balance("patient0") || lines[len(lines)-1].Kind != "topup" || kinds["payment"] != funded || kinds["refund"] != funded/2 || kinds["topup"] != 6 {
		t.Errorf("the statement comes to %d with %v, the wallet holds %d", sum, kinds, s.balance("patient0"))
	}
	if other := s.statement(s.patients[1]); len(other) != 0 {
		t.Errorf("another's statement: %+v", other)
	}
}
