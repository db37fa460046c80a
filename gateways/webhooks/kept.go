package webhooks

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"orderengine/eventstore/durable"
)

const serverSize = 8

// ServerName is the name by which a ledger knows a server through restarts. It stands in a file, which is made if it is
// not there; two servers of one log must not have the same.
func ServerName(file string) (string, error) {
	name, _, err := kept(file, serverSize)
	return hex.EncodeToString(name), err
}

// kept reads so many bytes from a file, in hexadecimal digits; if it is not there, they are random and written to it.
func kept(file string, size int) (value []byte, made bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		value = make([]byte, size)
		rand.Read(value) // never fails: see crypto/rand
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, false, err
		}
		return value, true, durable.Replace(file, []byte(hex.EncodeToString(value)+"\n"))
	}
	if err != nil {
		return nil, false, err
	}
	value, err = hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(value) != size {
		return nil, false, fmt.Errorf("%s: not %d hexadecimal digits", file, 2*size)
	}
	return value, false, nil
}
