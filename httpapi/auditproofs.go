package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"orderengine/domain/hospital"
	"orderengine/domain/qa"
	"orderengine/domain/refusal"
	"orderengine/eventstore"
	"orderengine/eventstore/proof"
	"orderengine/httpapi/drf"
)

// Proofs is the tree over the log, of which auditors get what proves that nothing was changed.
type Proofs interface {
	// Key is the verifier key.
	Key() string
	// Latest is the newest signed checkpoint, Checkpoint that of so many events; both may fail with [proof.ErrNotFound].
	Latest() ([]byte, error)
	Checkpoint(size uint64) ([]byte, error)
	Consistency(from, to uint64) ([][]byte, error)
	// Bundle waits for the tree as long as ctx lasts.
	Bundle(ctx context.Context, reader eventstore.StreamReader, subject string, streams []string) (proof.Bundle, error)
}

// bundleWait bounds how long a bundle waits for the tree.
const bundleWait = 5 * time.Second

var (
	msgNoCheckpoint = drf.NewMessage("There is no such checkpoint: the log has fewer events. Without ?size= the newest is given, once there is one.", "没有该检查点：日志的事件少于该数。不带 ?size= 时返回最新的检查点（若已有）。")
	msgBackwards    = drf.NewMessage("Must not be less than from.", "不能小于 from。")
	msgRolledBack   = drf.NewMessage("The log has fewer events than that, or its tree is being made again: if this lasts, the log was rolled back.", "日志的事件少于该数，或其树正在重建：若持续如此，则日志已被回滚。")
	msgNotTheLog    = drf.NewMessage("The log is not the one that was signed; nothing more is signed. The server's log says what to do.", "日志与已签名的不一致，不再签名。处理办法见服务器日志。")
)

// auditCheckpoint is the newest signed checkpoint of the log, or that of ?size= events.
func (c *call) auditCheckpoint() (reply, error) {
	signed, err := c.signedCheckpoint()
	if err != nil {
		return reply{}, proofError(err)
	}
	return text(http.StatusOK, string(signed)), nil
}

func (c *call) signedCheckpoint() ([]byte, error) {
	if !c.query.Has("size") {
		return c.api.Proofs.Latest()
	}
	size, err := c.treeSize("size")
	if err != nil {
		return nil, err
	}
	return c.api.Proofs.Checkpoint(size)
}

// treeSize reads a number of events from the query.
func (c *call) treeSize(name string) (uint64, error) {
	if !c.query.Has(name) {
		return 0, drf.FieldInvalid(name, drf.MsgRequired)
	}
	n, err := strconv.ParseUint(c.query.Get(name), 10, 64)
	if err != nil {
		return 0, drf.FieldInvalid(name, drf.MsgInvalidInteger)
	}
	return n, nil
}

// auditKey is the key that verifies checkpoints and bundles.
func (c *call) auditKey() (reply, error) { return text(http.StatusOK, c.api.Proofs.Key()+"\n"), nil }

// auditConsistency proves that the log of ?from= events is the beginning of that of ?to=.
func (c *call) auditConsistency() (reply, error) {
	from, err := c.treeSize("from")
	if err != nil {
		return reply{}, err
	}
	to, err := c.treeSize("to")
	if err != nil {
		return reply{}, err
	}
	if to < from {
		return reply{}, drf.FieldInvalid("to", msgBackwards)
	}
	hashes, err := c.api.Proofs.Consistency(from, to)
	if err != nil {
		return reply{}, proofError(err)
	}
	body, err := json.Marshal(struct {
		From  uint64   `json:"from"`
		To    uint64   `json:"to"`
		Proof [][]byte `json:"proof"`
	}{from, to, append([][]byte{}, hashes...)})
	return reply{http.StatusOK, rawBody{"application/json", body}}, err
}

// auditBundle is the file that tells all about an order and is verified without the server.
func (c *call) auditBundle() (reply, error) {
	number := c.echo.Param("number")
	stream := orderStream(number)
	if stream == "" {
		return reply{}, drf.NotFound()
	}
	ctx, cancel := context.WithTimeout(c.ctx(), bundleWait)
	defer cancel()
	bundle, err := c.api.Proofs.Bundle(ctx, c.api.Streams, number, []string{stream, refusalPrefix + stream})
	if err != nil {
		return reply{}, proofError(err)
	}
	if len(bundle.Events) == 0 {
		return reply{}, drf.NotFound()
	}
	body, err := bundle.Encode()
	return reply{http.StatusOK, rawBody{"application/json", body}}, err
}

// refusalPrefix and an order's stream name the stream of the commands that were refused on it.
const refusalPrefix = refusal.Category + "-"

// orderStream finds an order's stream by the form of its number, "" if no order has such a number.
func orderStream(number string) string {
	switch {
	case qa.IsNumber(number):
		return qa.Category + "-" + number
	case hospital.IsNumber(number):
		return hospital.Category + "-" + number
	}
	return ""
}

// proofError is the reply for what the tree answers.
func proofError(err error) error {
	switch {
	case errors.Is(err, proof.ErrNotFound):
		return drf.NewError(http.StatusNotFound, msgNoCheckpoint)
	case errors.Is(err, proof.ErrBehind):
		return drf.Unavailable(time.Second)
	case errors.Is(err, proof.ErrInconsistent), errors.Is(err, proof.ErrRolledBack):
		return drf.NewError(http.StatusServiceUnavailable, msgNotTheLog)
	case errors.Is(err, proof.ErrFewer):
		return drf.NewError(http.StatusConflict, msgRolledBack)
	}
	return err
}
