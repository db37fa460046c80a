package domain_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/looplab/fsm"

	"orderengine/domain"
)

func TestYuan(t *testing.T) {
	for fen, want := range map[domain.Fen]string{
		0: "0.00", 1: "0.01", 9: "0.09", 10: "0.10", 100: "1.00", 1500: "15.00", 123456: "1234.56", -1: "-0.01", -1500: "-15.00",
		domain.MaxFen: "10000000000.00",
	} {
		if got := fen.Yuan(); got != want {
			t.Errorf("%d fen are %s yuan, want %s", int64(fen), got, want)
		}
	}
}

func TestEveryCodeHasANameOfItsOwn(t *testing.T) {
	names := map[string]bool{}
	for i, code := range domain.Codes {
		if int(code) != i+1 {
			t.Errorf("code %d stands at place %d: Codes leaves one out", code, i)
		}
		if name := code.String(); name == "" || names[name] {
			t.Errorf("code %d has the name %q", code, name)
		} else {
			names[name] = true
		}
	}
	if next := domain.Code(len(domain.Codes) + 1); next.String() != "" || domain.Code(0).String() != "" {
		t.Errorf("code %d has a name and is not in Codes", next)
	}
}

func TestFaultText(t *testing.T) {
	for _, c := range []struct {
		fault *domain.Fault
		want  string
	}{
		{domain.Refuse(domain.NotFound, "no order %d", 7), "not found: no order 7"},
		{domain.RefuseField(domain.Invalid, "amount", "%d fen", 3), "invalid: amount: 3 fen"},
		{&domain.Fault{Code: domain.KeyReused}, "idempotency key reused"},
	} {
		if got := c.fault.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	var fault *domain.Fault
	if !errors.As(fmt.Errorf("wrapped: %w", domain.Refuse(domain.CannotPay, "x")), &fault) || fault.Code != domain.CannotPay {
		t.Error("a wrapped fault is not found")
	}
}

var lights = domain.NewLifecycle("red", fsm.Events{
	{Name: "go", Src: []string{"red"}, Dst: "green"},
	{Name: "slow", Src: []string{"green"}, Dst: "yellow"},
	{Name: "stop", Src: []string{"yellow", "green"}, Dst: "red"},
})

func allowed(state, move string) bool {
	return slices.Contains([]string{"red go", "green slow", "yellow stop", "green stop"}, state+" "+move)
}

// TestPooledMachinesServeManyGoroutines finds, with -race too, whether one machine serves two at a time.
func TestPooledMachinesServeManyGoroutines(t *testing.T) {
	var work sync.WaitGroup
	for n := range 64 {
		work.Go(func() {
			for i := range 300 {
				state := []string{"red", "green", "yellow", "dark"}[(n+i)%4]
				move := []string{"go", "slow", "stop", "fly", ""}[(n+i)%5]
				if got := lights.Allows(state, move); got != allowed(state, move) {
					t.Errorf("%s in %s: %v", move, state, got)
					return
				}
			}
		})
	}
	work.Wait()
}

func TestAskingDoesNotMove(t *testing.T) {
	for range 3 {
		if !lights.Allows("red", "go") || lights.Allows("green", "go") {
			t.Fatal("an answer depends on what was asked before")
		}
	}
}

func TestDiagramNamesEveryMove(t *testing.T) {
	drawing := lights.Diagram()
	for _, line := range []string{"[*] --> red", "red --> green: go", "green --> yellow: slow", "yellow --> red: stop", "green --> red: stop"} {
		if !strings.Contains(drawing, line) {
			t.Errorf("no line %q in\n%s", line, drawing)
		}
	}
	if len(lights.Moves()) != 3 {
		t.Errorf("moves %v", lights.Moves())
	}
}
