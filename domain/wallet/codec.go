package wallet

import "orderengine/domain"

// Codec holds the stored forms. Names never change; a changed form adds an upcast from the one before.
var Codec = domain.NewCodec(
	domain.Form[WalletToppedUp, Event]("WalletToppedUp"),
	domain.Form[WalletDebited, Event]("WalletDebited"),
	domain.Form[DebitRefused, Event]("DebitRefused"),
	domain.Form[WalletCredited, Event]("WalletCredited"),
)
