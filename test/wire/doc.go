// Package wire runs the suite that EventStoreDB's successor client ships against eventstore/wire.
package wire
