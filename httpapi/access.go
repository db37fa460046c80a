package httpapi

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"orderengine/domain/access"
	"orderengine/eventstore/decider"
)

// Looks records who looked at patients' data.
type Looks = decider.Decider[access.Look, access.Record, access.Event]

// look lets an operator be answered only when it stands in the log that patients' data was asked for. What ends the
// call otherwise stays its error; a refusal shows nothing, but for the first reply of a key, given again.
func (c *call) look(ended error) error {
	var again *recordedReply
	if ended != nil && (!errors.As(ended, &again) || again.status >= http.StatusBadRequest) {
		return ended
	}
	ctx, cancel := c.commandCtx()
	defer cancel()
	at, url := c.now(), c.echo.Request().URL
	call := c.caller(uuid.New(), at)
	call.New = true
	_, err := c.api.Looks.Execute(ctx, uuid.NewString(), call, access.Record{Look: access.Look{By: c.actor, Path: url.Path, Query: url.RawQuery, At: at}})
	if err != nil {
		return err
	}
	return ended
}
