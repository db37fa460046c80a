package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"orderengine/domain/account"
	"orderengine/domain/wallet"
	"orderengine/eventstore"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/httpapi/auth"
	"orderengine/httpapi/drf"
)

// TestATopUpWaitsForTheViewsOfTheWallet: who was told of it finds it in the statement.
func TestATopUpWaitsForTheViewsOfTheWallet(t *testing.T) {
	t.Parallel()
	log := memory.New()
	users := decider.New(log, decider.Model[account.User, account.Command, account.Event]{Category: account.Category,
		Decide: account.Decide, Evolve: account.Evolve, Encode: account.Codec.Encode, Decode: account.Codec.Decode}, decider.Options{})
	wallets := decider.New(log, decider.Model[wallet.Wallet, wallet.Command, wallet.Event]{Category: wallet.Category,
		Decide: wallet.Decide, Evolve: wallet.Evolve, Encode: wallet.Codec.Encode, Decode: wallet.Codec.Decode}, decider.Options{})
	if _, err := users.Execute(t.Context(), "u", decider.Call{ID: uuid.New()}, account.Register{Profile: account.Profile{Username: "u"}}); err != nil {
		t.Fatal(err)
	}
	var awaited eventstore.Position
	await := func(_ context.Context, at eventstore.Position) error {
		if awaited.Before(at) {
			awaited = at
		}
		return nil
	}
	data, err := drf.JSONData(`{"amount":"1.00"}`)
	if err != nil {
		t.Fatal(err)
	}
	ec := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder())
	ec.SetParamNames("username")
	ec.SetParamValues("u")
	api := &API{Accounts: auth.Accounts{Users: users}, Wallets: wallets, Await: await, Now: time.Now}
	r, err := (&call{api: api, echo: ec, data: data}).adminTopUp()
	if err != nil || r.body.(adminUserJSON).Balance != "1.00" {
		t.Fatalf("%+v, %v", r, err)
	}
	filled, err := wallets.Load(t.Context(), "u")
	if err != nil || awaited != filled.Position {
		t.Errorf("the views were awaited at %s, want %s; %v", awaited, filled.Position, err)
	}
}
