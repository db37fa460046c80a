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

// Refusals writes down what orders refuse, whoever asked: both APIs, the payment platform, the reactor.
type Refusals struct {
	Decider *decider.Decider[refusal.Refusals, refusal.Record, refusal.Event]
	Logger  *slog.Logger
}

// NewRefusals keeps the refusals in a store.
func NewRefusals(store decider.Store, options decider.Options, logger *slog.Logger) Refusals {
	return Refusals{Logger: logger, Decider: decider.New(store, decider.Model[refusal.Refusals, refusal.Record, refusal.Event]{
		Category: refusal.Category, Decide: refusal.Decide, Evolve: refusal.Evolve, Encode: refusal.Codec.Encode, Decode: refusal.Codec.Decode,
	}, options)}
}

// asked is what is refused once: a command, or all of one kind by who has no part in the order, whose history is not theirs
// to fill.
func asked(call decider.Call, stream string, f *domain.Fault) uuid.UUID {
	if f.Code == domain.NotFound && f.Field == "" {
		return uuid.NewSHA1(namespace, []byte("stranger/"+call.Actor+"/"+stream))
	}
	return call.ID
}

// Record writes down that the order of a stream refused a command, if err is a refusal. The client is told the same
// whether it can be written or not. The same command (by its id) that is refused again for the same reason, as what comes
// again and again of the platform or the reactor, is one refusal; so is all that a stranger to the order tries in one way.
func (r Refusals) Record(ctx context.Context, call decider.Call, stream string, command any, err error) {
	var fault *domain.Fault
	if !errors.As(err, &fault) {
		return
	}
	name := fmt.Sprintf("%T", command)
	name = name[strings.LastIndex(name, ".")+1:]
	said := refusal.Refusal{By: call.Actor, Command: name, Code: fault.Code.String(), Why: fault.Why, At: call.At}
	call.ID, call.New = uuid.NewSHA1(asked(call, stream, fault), []byte("refused/"+name+"/"+said.Code)), false
	if _, err := r.Decider.Execute(ctx, stream, call, refusal.Record{Refusal: said}); err != nil {
		r.Logger.Warn("a refusal was not recorded", "request", call.Correlation, "error", err.Error())
	}
}
