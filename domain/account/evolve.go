package account

// Evolve folds one event into the user.
func Evolve(u User, e Event) User {
	switch e := e.(type) {
	case UserRegistered:
		u = User{Profile: e.Profile, Credential: e.Credential, Active: true}
	case ProfileChanged:
		set(&u.Name, e.Name)
		set(&u.Avatar, e.Avatar)
		set(&u.InvitationCode, e.InvitationCode)
	case PriceSet:
		u.Prices = u.Prices.With(e.OrderType, e.Amount)
	case CredentialSet:
		u.Credential = e.Credential
	case UserActivated:
		u.Active = true
	case UserDeactivated:
		u.Active = false
	default:
		u.Privacy = evolvePrivacy(u.Privacy, e)
	}
	return u
}

func set(field *string, to *string) {
	if to != nil {
		*field = *to
	}
}
