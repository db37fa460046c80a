package httpapi

import (
	"github.com/google/uuid"

	"orderengine/domain/access"
	"orderengine/eventstore/decider"
)

// Looks records who looked at patients' data.
type Looks = decider.Decider[access.Look, access.Record, access.Event]

// recorded answers an operator only when it stands in the log that patients' data was asked for. A hospital that
// replays its own events is no operator.
func recorded(handle func(*call) (reply, error)) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		answer, err := handle(c)
		if err != nil || c.actor != adminActor && c.actor != auditActor {
			return answer, err
		}
		ctx, cancel := c.commandCtx()
		defer cancel()
		at, url := c.now(), c.echo.Request().URL
		call := c.caller(uuid.New(), at)
		call.New = true
		_, err = c.api.Looks.Execute(ctx, uuid.NewString(), call, access.Record{Look: access.Look{By: c.actor, Path: url.Path, Query: url.RawQuery, At: at}})
		return answer, err
	}
}
