// Package vault keeps what is written about patients unreadable to all but those it is meant for, and can make it
// unreadable for ever. Texts are sealed with a data key of the patient's own (AES-256-GCM) before any command is made
// of them, so that the log, the views and what is copied from them never have a readable one; the data keys are
// files beside the log, wrapped by a master key. Destroying a data key erases the patient's texts wherever they are,
// and changes no byte of the log, so every proof stays valid.
package vault

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderengine/domain"
	"orderengine/domain/account"
	"orderengine/domain/process"
	"orderengine/eventstore/decider"
)

// Users is the decider of users: a patient's tells how the patient's texts are kept.
type Users interface {
	Load(ctx context.Context, username string) (decider.Result[account.User], error)
	Execute(ctx context.Context, username string, call decider.Call, c account.Command) (decider.Result[account.User], error)
}

// Vault seals and opens texts about patients, and erases them.
type Vault struct {
	Users   Users
	Keys    *Keyring
	Periods process.Periods
	Now     func() time.Time
}

// Seal seals a text about a patient, which becomes JSON, for one purpose: what holds it, so that it cannot be shown as
// anything else. A patient whose texts were erased or are restricted is refused with [domain.Erased] or
// [domain.Restricted]. The first text makes the patient's data key; call is what asked for that.
func (v Vault) Seal(ctx context.Context, call decider.Call, patient, purpose string, text any) (domain.Sealed, error) {
	plain, err := domain.JSON(text)
	if err != nil {
		return nil, err
	}
	return v.SealBytes(ctx, call, patient, purpose, plain)
}

// SealBytes is Seal of a text that is bytes.
func (v Vault) SealBytes(ctx context.Context, call decider.Call, patient, purpose string, plain []byte) (domain.Sealed, error) {
	user, err := v.Users.Load(ctx, patient)
	if err != nil {
		return nil, err
	}
	privacy := user.State.Privacy
	if privacy.Hidden() {
		return nil, privacy.Refusal()
	}
	name := privacy.Key
	if name == "" {
		if name, err = v.firstKey(ctx, call, patient); err != nil {
			return nil, err
		}
	}
	key, err := v.Keys.key(name)
	if err != nil {
		return nil, fmt.Errorf("texts of %s: %w", patient, err)
	}
	return seal(key, plain, purpose), nil
}

// firstKey is newKey for all who ask for it at the same time: a key is a file, and most of them would be thrown away.
func (v Vault) firstKey(ctx context.Context, call decider.Call, patient string) (string, error) {
	make := func() (any, error) { return v.newKey(ctx, call, patient) }
	name, err, shared := v.Keys.making.Do(patient, make)
	if err != nil && shared && ctx.Err() == nil { // it may have been another's time that was over
		name, err, _ = v.Keys.making.Do(patient, make)
	}
	return name.(string), err
}

// newKey makes a patient's data key and gives its name. Only one is ever named: who is slower uses the other's.
func (v Vault) newKey(ctx context.Context, call decider.Call, patient string) (string, error) {
	made, err := v.Keys.make()
	if err != nil {
		return "", err
	}
	call.Causation, call.ID, call.New = call.ID.String(), uuid.New(), false
	user, err := v.Users.Execute(ctx, patient, call, account.MakeKey{Key: made, At: call.At})
	var refused *domain.Fault
	if err != nil && !errors.As(err, &refused) {
		return "", err // it may have been named all the same
	}
	if named := user.State.Privacy.Key; refused != nil || named != made {
		_ = v.Keys.destroy(made) // if it stays, nothing is sealed with it
		return named, err
	}
	return made, nil
}

// Open opens what was sealed for a purpose into the value that text points to; nothing sealed leaves it as it is.
// Ask the patient's privacy first whether it may be opened. It fails with [ErrNoKey],
// [ErrOtherFolder] and [ErrSealed].
func (v Vault) Open(patient account.Person, purpose string, sealed domain.Sealed, text any) error {
	plain, err := v.OpenBytes(patient, purpose, sealed)
	if err != nil {
		return err
	}
	return Decode(plain, text)
}

// Decode decodes what [Vault.OpenBytes] gave into the value that text points to; nothing leaves it as it is.
func Decode(plain []byte, text any) error {
	if len(plain) == 0 {
		return nil
	}
	return json.Unmarshal(plain, text)
}

// OpenBytes is Open of a text that is bytes.
func (v Vault) OpenBytes(patient account.Person, purpose string, sealed domain.Sealed) ([]byte, error) {
	texts := v.Of(patient)
	return texts.Open(nil, purpose, sealed)
}

// Of gives what opens the texts of a patient. Ask the patient's privacy first whether they may be opened.
func (v Vault) Of(patient account.Person) Texts { return Texts{keys: v.Keys, patient: patient} }

// Texts opens texts of one patient, whose data key it looks for once. It is for one request and one goroutine.
type Texts struct {
	keys    *Keyring
	patient account.Person
	key     cipher.AEAD // nil until there is something to open with it
}

// Are says that they are the patient's, sealed with the data key that the patient has.
func (t *Texts) Are(patient account.Person) bool {
	return t.keys != nil && t.patient.Username == patient.Username && t.patient.Privacy.Key == patient.Privacy.Key
}

// Open opens what was sealed for a purpose and appends it to text. It fails with [ErrNoKey], [ErrOtherFolder] and
// [ErrSealed].
func (t *Texts) Open(text []byte, purpose string, sealed domain.Sealed) (_ []byte, err error) {
	if len(sealed) == 0 {
		return text, nil
	}
	if sealed[0] == domain.SealedPlain {
		return append(text, sealed[1:]...), nil
	}
	if t.key == nil {
		if t.key, err = t.keys.key(t.patient.Privacy.Key); err != nil {
			return nil, fmt.Errorf("texts of %s: %w", t.patient.Username, err)
		}
	}
	if text, err = open(text, t.key, sealed, purpose); err != nil {
		return nil, fmt.Errorf("%s of %s: %w", purpose, t.patient.Username, err)
	}
	return text, nil
}

// Perform carries out what is due of a patient's texts: it erases those whose restriction has ended, and destroys the
// data key of those that are erased.
func (v Vault) Perform(ctx context.Context, patient string) error {
	return v.perform(ctx, patient, v.Periods)
}

// AtOnce is Perform by the server that has just erased the texts.
func (v Vault) AtOnce(ctx context.Context, patient string) error {
	periods := v.Periods
	periods.Grace = 0
	return v.perform(ctx, patient, periods)
}

func (v Vault) perform(ctx context.Context, patient string, periods process.Periods) error {
	user, err := v.Users.Load(ctx, patient)
	if err != nil {
		return err
	}
	now := v.Now().UTC().Truncate(time.Microsecond)
	for _, todo := range process.Patient(patient, user.State.Privacy, periods) {
		if todo.Due.After(now) {
			continue
		}
		if todo.Kind == process.Erase {
			step := "end/" + todo.Due.String()
			if _, err := v.Users.Execute(ctx, patient, v.call(step, patient, now), account.EndRestriction{At: now}); err != nil {
				return err
			}
		}
		if err := v.shred(ctx, patient, now); err != nil {
			return err
		}
	}
	return nil
}

// shred destroys the data key first: a record of it must never be untrue.
func (v Vault) shred(ctx context.Context, patient string, now time.Time) error {
	user, err := v.Users.Load(ctx, patient)
	if err != nil || user.State.Privacy.Standing != account.Erased {
		return err
	}
	if name := user.State.Privacy.Key; name != "" {
		if err := v.Keys.destroy(name); err != nil {
			return fmt.Errorf("data key of %s: %w", patient, err)
		}
	}
	_, err = v.Users.Execute(ctx, patient, v.call("shred", patient, now), account.RecordKeyDestroyed{At: now})
	return err
}

// namespace makes the ids of the calls below; it never changes.
var namespace = uuid.MustParse("c1f0c4a8-1d0b-4d57-9d4e-5a7f5a0f6b3e")

// call is the same for the same step, so that the step is taken once.
func (v Vault) call(step, patient string, now time.Time) decider.Call {
	return decider.Call{ID: uuid.NewSHA1(namespace, []byte(step+"/"+patient)), Actor: domain.System, Correlation: patient, At: now}
}
