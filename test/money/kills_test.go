package money

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderengine/test/e2e/orderdtest"
	"orderengine/test/pingpp"
)

// TestKills kills orderd by kill -9 about every second while orders are made, paid and given back on a bad day.
func TestKills(t *testing.T) {
	kills := orderdtest.Setting(t, "MONEY_KILLS", defaultKills)
	rough := pingpp.Rough
	rough.LateBy, rough.Shuffle, rough.NewCharge = 200*time.Millisecond, 100*time.Millisecond, 0.5
	s := open(t, pingpp.Options{AutoPay: true, PayAfter: 20 * time.Millisecond, RefundAfter: 30 * time.Millisecond, Faults: rough}, orderdtest.BareProcess)
	seed := rand.Uint64()
	t.Logf("seed of the kills: %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	var over atomic.Bool // no new orders
	var mu sync.Mutex
	numbers := map[int]string{}
	var work sync.WaitGroup
	const clients = 8
	for client := range clients {
		work.Go(func() {
			for i := client; !over.Load() && !t.Failed(); i += clients {
				began := time.Now()
				number, done := s.live(i, func() bool { return time.Since(began) > patience })
				mu.Lock()
				numbers[i] = number
				mu.Unlock()
				if !done {
					t.Errorf("order %d did not come to its end", i)
				}
			}
		})
	}
	began := time.Now()
	for range kills {
		time.Sleep(700*time.Millisecond + time.Duration(random.IntN(600))*time.Millisecond) // the moment is the test
		s.server.Kill()
		s.server.Start()
		s.hear()
	}
	t.Logf("%d kills in %s", kills, time.Since(began))
	over.Store(true)
	s.platform.Redeliver() // a notice that came in vain to many servers would wait for minutes
	work.Wait()
	s.settled()
	for i, o := range s.audit(numbers) {
		if want := plans[i%len(plans)].end; int(o.Status) != want {
			t.Errorf("order %d, to be %s, is %s", i, plans[i%len(plans)].name, o.Status)
		}
	}
}
