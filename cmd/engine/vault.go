package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"orderengine/gateways/vault"
)

// openVault opens the patients' data keys. Without a setting the master key is made once, and never beside data keys
// that another one wraps: a key that was lost must not be replaced in silence.
func (e *Engine) openVault() error {
	file, dir := e.settings.MasterKeyFile, e.settings.PatientKeys
	if dir == "" {
		dir = filepath.Join(e.settings.Data, "keys", "patients")
	}
	master, err := e.masterKey(file, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("master-key-file"), err)
	}
	keys, err := vault.OpenKeyring(dir, master)
	if errors.Is(err, vault.ErrMasterKey) {
		return fmt.Errorf("%s: %w; put back the one that was in use", Variable("master-key-file"), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("patient-keys"), err)
	}
	e.api.Vault = vault.Vault{Users: e.api.Accounts.Users, Keys: keys, Periods: e.settings.periods(), Now: e.now}
	return nil
}

func (e *Engine) masterKey(file, dir string) ([]byte, error) {
	if file != "" {
		return vault.MasterKeyFile(file)
	}
	file = filepath.Join(e.settings.Data, "keys", "master.key")
	master, err := vault.MasterKeyFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return master, err
	}
	used, err := vault.HasKeys(dir)
	if err != nil {
		return nil, err
	}
	if used {
		return nil, fmt.Errorf("%s is not there, but %s has data keys that it wraps; put it back, or no text about a patient can be read", file, dir)
	}
	e.logger.Info("a master key was made; it wraps the patients' data keys. Keep a copy apart from the data and its backups", "file", file)
	return vault.NewMasterKeyFile(file)
}
