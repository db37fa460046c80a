package domain

// System is the actor of what no user did.
const System = "system"
