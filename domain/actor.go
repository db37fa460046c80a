package domain

import "strings"

// The actors who are no users. A hospital is "hospital:" and its code, which no username can be.
const (
	System   = "system"   // what nobody asked for
	Platform = "platform" // the payment platform, by its notices
	Admin    = "admin"    // who has the administrators' token
	Audit    = "audit"    // who has the auditors' token
)

// IsReserved says that a username would be taken for one of those actors, in whatever case it is written.
func IsReserved(username string) bool {
	for _, actor := range []string{System, Platform, Admin, Audit} {
		if strings.EqualFold(username, actor) {
			return true
		}
	}
	return false
}
