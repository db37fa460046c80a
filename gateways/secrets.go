package gateways

import (
	"context"
	"crypto/subtle"
	"errors"

	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/eventstore/decider"
)

// ErrSecret: the secret is no hospital's, or is not its present one any more. Say no more of it than that.
var ErrSecret = errors.New("the secret is wrong")

// Secrets finds the hospital that a secret names, for both APIs.
type Secrets struct {
	Links     *decider.Decider[link.Link, link.Command, link.Event] // from a secret's hash to its hospital's code
	Hospitals *decider.Decider[institution.Hospital, institution.Command, institution.Event]
}

// Hospital is the hospital whose secret it is. It fails with [ErrSecret], or as its deciders do.
func (s Secrets) Hospital(ctx context.Context, secret string) (institution.Hospital, error) {
	hash := institution.HashSecret(secret)
	known, err := s.Links.Load(ctx, hash)
	if err != nil {
		return institution.Hospital{}, err
	}
	found, err := s.Hospitals.Load(ctx, known.State.To)
	if err != nil {
		return institution.Hospital{}, err
	}
	if known.State.To == "" || subtle.ConstantTimeCompare([]byte(hash), []byte(found.State.SecretHash)) != 1 {
		return institution.Hospital{}, ErrSecret
	}
	return found.State, nil
}
