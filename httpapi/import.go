package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderengine/domain"
	"orderengine/domain/hospital"
	"orderengine/domain/payment"
	"orderengine/eventstore"
	"orderengine/httpapi/drf"
)

var (
	msgInvalidTime = drf.NewMessage("Time has wrong format. Use YYYY-MM-DD HH:mm:ss.", "时间格式错误。请使用 YYYY-MM-DD HH:mm:ss。")
	msgUnknownKey  = drf.NewMessage("There is no such field.", "没有此字段。")
	msgNeedPatient = drf.NewMessage("Whose wallet paid the order?", "钱包支付的订单须有患者。")
)

// importFields are all that a line may have.
var importFields = []string{"hospital", "branch", "kind", "amount", "his_order_no", "platform", "reg_type", "book_date", "department", "doctor",
	"trade_mode", "pay_time", "agt_order_no", "agt_trace_no", "patient"}

// importReply says what became of the lines. Of the refused ones at most [maxRefused] are told; Untold counts the rest.
type importReply struct {
	Taken    int           `json:"taken"`
	Repeated int           `json:"repeated"`
	Refused  []refusedLine `json:"refused"`
	Untold   int           `json:"untold,omitempty"`
}

type refusedLine struct {
	Line int    `json:"line"`
	Why  string `json:"why"`
}

const (
	maxLine       = 64 << 10 // bytes
	maxRefused    = 1000
	importWorkers = 64
	importStall   = 20 * time.Second // without a line, or a second less
)

// patience moves the deadlines of a request on as lines are waited for, however few come. Once a second is enough, and
// each time costs a call of the system's.
type patience struct {
	control *http.ResponseController
	moved   time.Time
}

func (p *patience) renew() {
	now := time.Now()
	if now.Sub(p.moved) < time.Second {
		return
	}
	p.moved = now
	// Servers under a test have no deadlines to move.
	_ = p.control.SetReadDeadline(now.Add(importStall))
	_ = p.control.SetWriteDeadline(now.Add(importStall + writeTimeout))
}

// importHospitalOrders takes orders that were paid elsewhere, one JSON object a line, as the lines come: a file of any
// length is never held. A line is taken once, by its hospital and his_order_no; a request that breaks off is sent again.
func (c *call) importHospitalOrders() (reply, error) {
	patience := patience{control: http.NewResponseController(c.echo.Response().Writer)}
	tally := importTally{reply: importReply{Refused: []refusedLine{}}}
	work, ctx := errgroup.WithContext(context.WithoutCancel(c.ctx()))
	work.SetLimit(importWorkers)
	lines := bufio.NewScanner(c.echo.Request().Body)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	var failed error
	patience.renew()
	for n := 1; failed == nil && lines.Scan(); n++ {
		if text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); text != "" {
			work.Go(func() error { return tally.count(n, c.importLine(ctx, text, &tally)) })
		}
		failed = ctx.Err()
		patience.renew()
	}
	if err := work.Wait(); err != nil {
		return reply{}, err
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return reply{}, drf.BodyTooLarge(maxLine)
	}
	if err := lines.Err(); err != nil {
		return reply{}, err
	}
	c.await(tally.position)
	return reply{http.StatusOK, tally.sorted()}, nil
}

// importTally counts what becomes of lines.
type importTally struct {
	mu       sync.Mutex
	reply    importReply
	position eventstore.Position
}

// took takes note of a line that was taken, as an event at a position.
func (t *importTally) took(at eventstore.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.position.Before(at) {
		t.position = at
	}
	t.reply.Taken++
}

// repeated takes note of a line that had been taken before.
func (t *importTally) repeated() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reply.Repeated++
}

// count takes note of a line that was refused; an error that is no refusal ends the import.
func (t *importTally) count(line int, err error) error {
	why := ""
	var fault *domain.Fault
	var refused *drf.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &fault):
		why = fault.Error()
	case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		why = strings.TrimPrefix(refused.Error(), "400: ")
	default:
		return fmt.Errorf("line %d: %w", line, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.reply.Refused) >= maxRefused {
		t.reply.Untold++
		return nil
	}
	t.reply.Refused = append(t.reply.Refused, refusedLine{line, why})
	return nil
}

func (t *importTally) sorted() importReply {
	slices.SortFunc(t.reply.Refused, func(a, b refusedLine) int { return a.Line - b.Line })
	return t.reply
}

// importLine takes one line.
func (c *call) importLine(ctx context.Context, text string, tally *importTally) error {
	command, err := c.parseImport(ctx, text)
	if err != nil {
		return err
	}
	if before, ok, err := c.hisOrder(ctx, command.Terms); ok || err != nil {
		return repeatedLine(before.State, command, err, tally)
	}
	serial, err := c.api.Sequences.Hospital.Next(ctx)
	if err != nil {
		return err
	}
	call := c.caller(uuid.New(), c.now())
	command.At = command.Receipt.At // the number's day is the payment's
	if command.Number, err = c.hospitalNumber(ctx, command.Terms, serial, call); err != nil {
		return err
	}
	taken, err := c.api.HospitalOrders.Execute(ctx, command.Number, call, command)
	if domain.IsRefused(err, domain.AlreadyExists) {
		before, err := c.api.HospitalOrders.Load(ctx, command.Number)
		return repeatedLine(before.State, command, err, tally)
	}
	if err == nil {
		tally.took(taken.Position)
	}
	return err
}

// repeatedLine counts a line that says again what an order is, and refuses one that says otherwise.
func repeatedLine(o hospital.Order, command hospital.Import, err error, tally *importTally) error {
	if err != nil {
		return err
	}
	paid := o.Payment()
	if !o.Same(command.Terms) || paid == nil || *paid != command.Receipt || o.TraceNo != command.TraceNo {
		return drf.FieldInvalid("his_order_no", msgHisNumberTaken)
	}
	tally.repeated()
	return nil
}

// parseImport reads a line: the fields of an order, and how it was paid.
func (c *call) parseImport(ctx context.Context, text string) (hospital.Import, error) {
	var command hospital.Import
	data, err := drf.JSONData(text)
	if err != nil {
		return command, err
	}
	f := data.Fields()
	if command.Terms, err = c.terms(ctx, f); err != nil {
		return command, err
	}
	mode := hospital.TradeMode(f.IntChoice("trade_mode", ints(hospital.TradeModes)))
	paidAt, ok := hospital.ParseTime(f.String("pay_time"))
	if f.OK("pay_time") && (!ok || !hospital.Plausible(paidAt)) {
		f.Add("pay_time", msgInvalidTime)
	}
	agtNo := number(f, "agt_order_no")
	command.TraceNo = number(f, "agt_trace_no", drf.Optional, drf.AllowNull, drf.AllowBlank)
	command.Patient = f.String("patient", drf.Optional, drf.AllowNull, drf.AllowBlank, drf.MaxLength(maxUsername))
	if err := c.knownPatient(ctx, f, command.Patient, mode); err != nil {
		return command, err
	}
	for _, name := range data.Names() {
		if !slices.Contains(importFields, name) {
			f.Add(name, msgUnknownKey)
		}
	}
	command.Receipt = payment.Receipt{Channel: mode.Channel(), Ref: agtNo, TransactionNo: agtNo, Amount: command.Amount, At: paidAt.UTC()}
	return command, f.Err()
}

func (c *call) knownPatient(ctx context.Context, f *drf.Fields, patient string, mode hospital.TradeMode) error {
	if patient == "" {
		if f.OK("patient") && mode == hospital.Wallet {
			f.Add("patient", msgNeedPatient)
		}
		return nil
	}
	user, err := c.api.Accounts.Users.Load(ctx, patient)
	if err == nil && !user.State.Registered() {
		f.Add("patient", drf.MsgNoSuchObject, "username", patient)
	}
	return err
}
