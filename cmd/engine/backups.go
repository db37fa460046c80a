package engine

import (
	"fmt"

	"orderengine/eventstore/backup"
)

// openBackups readies backups of the data, if the log is in it.
func (e *Engine) openBackups() error {
	log, here := e.store.(backup.Log)
	if !here {
		return nil
	}
	backups, err := backup.New(e.settings.Data, log, e.tree, e.now)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("data"), err)
	}
	e.backups = backups
	return nil
}
