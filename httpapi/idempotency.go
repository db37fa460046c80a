package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/idempotency"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/sequence"
	"orderengine/httpapi/drf"
)

// operation is what a change is made with: under an Idempotency-Key, just what it was made with first.
type operation struct {
	id    uuid.UUID
	at    time.Time
	pk    int64  // of what is made, 0 if nothing is
	claim string // the key's stream, "" without a key
}

// begin gives the operation of a change, after all that can be checked of the request was. A key that has
// its reply ends the call with it: the error is a *recordedReply.
func (c *call) begin(ctx context.Context, pks *sequence.Sequence) (operation, error) {
	var err error
	if _, keyed := c.echo.Request().Header[keyHeader]; keyed {
		c.op, err = c.claim(ctx, pks)
	} else {
		c.op = operation{id: uuid.New(), at: c.now()}
		c.op.pk, err = mint(ctx, pks)
	}
	return c.op, err
}

const keyHeader = "Idempotency-Key"

// keyed says that the request has a key: then it may have been run before, and only the claim knows.
func (c *call) keyed() bool { return len(c.echo.Request().Header[keyHeader]) > 0 }

// replay ends the call of a key that was used, before the request is looked at, for what was taken then may
// be refused now: with the first reply, or with the refusal if the key stands for another request.
func (c *call) replay() error {
	if !c.keyed() || c.actor == "" {
		return nil
	}
	known, err := c.api.Claims.Load(c.ctx(), digest(c.actor, c.echo.Request().Header.Get(keyHeader)))
	switch s := known.State; {
	case err != nil || s.Digest == "":
		return err
	case s.Digest != c.digest():
		return domain.Refuse(domain.KeyReused, "the key was used for another request")
	case s.Reply != nil:
		return c.again(c.ctx(), digest(c.actor, c.echo.Request().Header.Get(keyHeader)), *s.Reply)
	default:
		return nil // it was begun and not answered
	}
}

// digest tells requests apart; with or without its trailing slash a path is the same. It stays in the log for ever, so
// nobody else may be able to guess the request by it.
func (c *call) digest() string {
	r := c.echo.Request()
	return hex.EncodeToString(c.api.Vault.Keys.MAC(r.Method, strings.TrimSuffix(r.URL.Path, "/")+"/", c.data.Canonical()))
}

func (c *call) claim(ctx context.Context, pks *sequence.Sequence) (operation, error) {
	key := c.echo.Request().Header.Get(keyHeader)
	if !validKey(key) {
		return operation{}, drf.NewError(http.StatusBadRequest, msgInvalidKey)
	}
	id := digest(c.actor, key)
	known, err := c.api.Claims.Load(ctx, id)
	if err != nil {
		return operation{}, err
	}
	take := idempotency.Take{Digest: c.digest(), Command: uuid.New(), At: c.now()}
	if known.State.Digest == "" {
		if take.PK, err = mint(ctx, pks); err != nil {
			return operation{}, err
		}
	}
	claimed, err := c.api.Claims.Execute(ctx, id, c.caller(take.Command, take.At).Step("claim"), take)
	if err != nil {
		return operation{}, err
	}
	s := claimed.State
	if s.Reply != nil {
		return operation{}, c.again(ctx, id, *s.Reply)
	}
	return operation{id: s.Command, at: s.At, pk: s.PK, claim: id}, nil
}

// settle keeps the first reply of a key before it is given. A failure that may pass is not kept.
func (c *call) settle(answer reply, err error) (reply, error) {
	if c.op.claim == "" {
		return answer, err
	}
	var first idempotency.Reply
	var fault *domain.Fault
	var refused *drf.Error
	switch {
	case domain.IsRefused(err, domain.Restricted):
		return answer, err // it may be lifted
	case errors.As(err, &fault) || errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		first.Status, first.Body = c.refusal(err)
	case err != nil:
		return answer, err
	default:
		first.Status = answer.status
		body, err := answer.json()
		if err != nil {
			return answer, err
		}
		first.Body = bytes.Clone(body) // it is kept, and what it was written in is much larger
	}
	ctx, cancel := c.commandCtx()
	defer cancel()
	first.Body, first.Subject, err = c.sealReply(ctx, first.Body)
	if account.IsWithheld(err) {
		return answer, nil // the patient was erased or restricted this moment: sent again, the call tells no text
	}
	if err != nil {
		return answer, err
	}
	kept, err := c.api.Claims.Execute(ctx, c.op.claim, c.caller(uuid.New(), c.now()), idempotency.Record{Reply: first})
	if err != nil {
		return answer, err
	}
	return answer, c.again(ctx, c.op.claim, *kept.State.Reply)
}

// again is the error that ends a call with the reply that was kept for its key.
func (c *call) again(ctx context.Context, claim string, first idempotency.Reply) error {
	body, err := c.openReply(ctx, claim, first)
	if err != nil {
		return err
	}
	return &recordedReply{first.Status, body}
}

// recordedReply is the first reply of a key, on its way to being given again.
type recordedReply struct {
	status int
	body   []byte
}

func (*recordedReply) Error() string { return "answered before" }

// caller is what a command brings beside itself.
func (c *call) caller(id uuid.UUID, at time.Time) decider.Call {
	return decider.Call{ID: id, Actor: c.actor, Correlation: c.request, At: at}
}

// minting is the caller of a command that makes the thing its pk was minted for. Under a key it may be there already.
func (c *call) minting(op operation) decider.Call {
	call := c.caller(op.id, op.at)
	call.New = !c.keyed()
	return call
}

// now is the time in the precision that the API shows.
func (c *call) now() time.Time { return c.api.Now().UTC().Truncate(time.Microsecond) }

func mint(ctx context.Context, pks *sequence.Sequence) (int64, error) {
	if pks == nil {
		return 0, nil
	}
	return pks.Next(ctx)
}

func validKey(key string) bool {
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return key != "" && len(key) <= 255
}

// digest names a list of texts; no two lists share one.
func digest(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
