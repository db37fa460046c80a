package httpapi

import (
	"context"
	"errors"
	"net/http"

	"orderengine/httpapi/drf"
	"orderengine/projections"
)

// Rebuilds builds the views anew while they serve.
type Rebuilds interface {
	// Rebuild begins; it fails with [projections.ErrRebuilding] if that was done already.
	Rebuild(ctx context.Context) error
	Progress(ctx context.Context) (projections.Progress, error)
}

var msgRebuilding = drf.NewMessage("The views are being rebuilt already.", "视图正在重建。")

// rebuildJSON says which set of views serves, and how far the one is that is being built beside it.
type rebuildJSON struct {
	Serving  string        `json:"serving"`
	Building *buildingJSON `json:"building"`
}

type buildingJSON struct {
	Set      string  `json:"set"`
	Position uint64  `json:"position"` // commit position that the set is true at
	Head     uint64  `json:"head"`     // that of the log
	Events   uint64  `json:"events"`   // projected by this server
	Seconds  float64 `json:"seconds"`  // since this server began with it or came upon it
}

// adminRebuild begins to build the views anew.
func (c *call) adminRebuild() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	err := c.api.Rebuilds.Rebuild(ctx)
	if errors.Is(err, projections.ErrRebuilding) {
		return reply{}, drf.NewError(http.StatusConflict, msgRebuilding)
	}
	if err != nil {
		return reply{}, err
	}
	return c.rebuildReply(ctx, http.StatusAccepted)
}

// adminRebuildProgress says how far that is.
func (c *call) adminRebuildProgress() (reply, error) { return c.rebuildReply(c.ctx(), http.StatusOK) }

func (c *call) rebuildReply(ctx context.Context, status int) (reply, error) {
	p, err := c.api.Rebuilds.Progress(ctx)
	if err != nil {
		return reply{}, err
	}
	shown := rebuildJSON{Serving: p.Serving.String()}
	if p.Building != (projections.Generation{}) {
		b := buildingJSON{Set: p.Building.String(), Position: p.At.Commit, Head: p.Head.Commit, Events: p.Done}
		if !p.Since.IsZero() {
			b.Seconds = c.api.Now().Sub(p.Since).Seconds()
		}
		shown.Building = &b
	}
	return reply{status, shown}, nil
}
