package gateways

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/refusal"
	"orderengine/eventstore/decider"
)

// Refusals writes down what orders refuse, for both APIs.
type Refusals struct {
	Decider *decider.Decider[refusal.Refusals, refusal.Record, refusal.Event]
	Logger  *slog.Logger
}

// Record writes down that the order of a stream refused a command, if err is a refusal. The client is told the same
// whether it can be written or not.
func (r Refusals) Record(ctx context.Context, call decider.Call, stream string, command any, err error) {
	var fault *domain.Fault
	if !errors.As(err, &fault) {
		return
	}
	name := fmt.Sprintf("%T", command)
	said := refusal.Refusal{By: call.Actor, Command: name[strings.LastIndex(name, ".")+1:], Code: fault.Code.String(), Why: fault.Why, At: call.At}
	call.ID, call.New = uuid.New(), false
	if _, err := r.Decider.Execute(ctx, stream, call, refusal.Record{Refusal: said}); err != nil {
		r.Logger.Warn("a refusal was not recorded", "request", call.Correlation, "error", err.Error())
	}
}
