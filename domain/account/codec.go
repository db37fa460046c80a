package account

import "orderengine/domain"

// Codec holds the stored forms. Names never change; a changed form adds an upcast from the one before.
var Codec = domain.NewCodec(
	domain.Form[UserRegistered, Event]("UserRegistered"),
	domain.Form[ProfileChanged, Event]("ProfileChanged"),
	domain.Form[PriceSet, Event]("PriceSet"),
	domain.Form[CredentialSet, Event]("CredentialSet"),
	domain.Form[UserActivated, Event]("UserActivated"),
	domain.Form[UserDeactivated, Event]("UserDeactivated"),
	domain.Form[DataKeyMade, Event]("DataKeyMade"),
	domain.Form[PatientRestricted, Event]("PatientRestricted"),
	domain.Form[RestrictionLifted, Event]("RestrictionLifted"),
	domain.Form[PatientErased, Event]("PatientErased"),
	domain.Form[DataKeyDestroyed, Event]("DataKeyDestroyed"),
)
