package proof

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"orderengine/eventstore/durable"

	checkpoints "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrRolledBack: the log has fewer events than were signed. Bring back the newest copy of the log, and ask who
	// put the old one there.
	ErrRolledBack = errors.New("the log was rolled back")
	// ErrInconsistent: the log does not begin with the events that were signed. Somebody changed them.
	ErrInconsistent = errors.New("the log was changed")
	// ErrSignature: a note is not signed by the key, or is not what was signed.
	ErrSignature = errors.New("not signed by this key")
)

// Checkpoint is what a signed tree head says: the first Size events of the log have the root Root.
type Checkpoint struct {
	Size uint64
	Root []byte
}

// Key signs checkpoints and statements. Its name is the log's origin.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// NewKey makes a key; the secret form is what [ParseKey] reads.
func NewKey(origin string) (key Key, secret string, err error) {
	if err := CheckOrigin(origin); err != nil {
		return Key{}, "", err
	}
	secret, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return Key{}, "", err
	}
	key, err = ParseKey(secret, public)
	return key, secret, err
}

// CheckOrigin says whether a log can have the name.
func CheckOrigin(origin string) error {
	if origin == "" || !utf8.ValidString(origin) || strings.ContainsFunc(origin, func(r rune) bool { return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("origin %q: a name without spaces and plus signs is needed", origin)
	}
	return nil
}

// ParseKey reads the secret and the public form of a key.
func ParseKey(secret, public string) (Key, error) {
	signer, err := note.NewSigner(secret)
	if err != nil {
		return Key{}, fmt.Errorf("signing key: %w", err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return Key{}, fmt.Errorf("verifier key: %w", err)
	}
	probe, err := note.Sign(&note.Note{Text: "probe\n"}, signer)
	if err != nil {
		return Key{}, err
	}
	if _, err := note.Open(probe, note.VerifierList(verifier)); err != nil {
		return Key{}, fmt.Errorf("the two halves of the key do not belong together: %w", err)
	}
	return Key{signer, verifier, public}, nil
}

// OpenKey reads the key in a file of two lines, the secret and the public form, or makes it if there is none.
func OpenKey(file, origin string) (key Key, made bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(file, origin)
		return key, true, err
	}
	if err != nil {
		return Key{}, false, err
	}
	if key, err = parseKeyFile(file, text); err != nil {
		return Key{}, false, err
	}
	if key.Origin() != origin {
		return Key{}, false, fmt.Errorf("%s is the key of the origin %q, not of %q: a log keeps its name; a new one needs a new key", file, key.Origin(), origin)
	}
	return key, false, nil
}

func parseKeyFile(file string, text []byte) (Key, error) {
	secret, public, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	key, err := ParseKey(secret, public)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// ReadKey gives what verifies the signatures of the key in a file.
func ReadKey(file string) (note.Verifier, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := parseKeyFile(file, text)
	if err != nil {
		return nil, err
	}
	return key.Verifier(), nil
}

func makeKey(file, origin string) (Key, error) {
	key, secret, err := NewKey(origin)
	if err != nil {
		return Key{}, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return Key{}, err
	}
	return key, durable.Replace(file, []byte(secret+"\n"+key.public+"\n"))
}

// Origin is the name of the log.
func (k Key) Origin() string { return k.signer.Name() }

// Public is the verifier key, which everybody may have.
func (k Key) Public() string { return k.public }

// Verifier verifies what the key signed.
func (k Key) Verifier() note.Verifier { return k.verifier }

// NewVerifier reads a verifier key, "origin+hash+base64".
func NewVerifier(public string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w; it is the line that GET /audit/key/ gives, origin+hash+base64", err)
	}
	return v, nil
}

// sign writes a checkpoint.
func (k Key) sign(c Checkpoint) ([]byte, error) {
	text := checkpoints.Checkpoint{Origin: k.Origin(), Size: c.Size, Hash: c.Root}.Marshal()
	return note.Sign(&note.Note{Text: string(text)}, k.signer)
}

// OpenCheckpoint reads a checkpoint and verifies that key signed it. Its error wraps [ErrSignature].
func OpenCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	text, err := openNote(signed, key)
	if err != nil {
		return Checkpoint{}, err
	}
	var c checkpoints.Checkpoint
	rest, err := c.Unmarshal([]byte(text))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: it is no checkpoint: %w", ErrSignature, err)
	}
	if c.Origin != key.Name() || len(c.Hash) != HashSize || len(rest) > 0 {
		return Checkpoint{}, fmt.Errorf("%w: it is no checkpoint of the log %q", ErrSignature, key.Name())
	}
	return Checkpoint{c.Size, c.Hash}, nil
}

// openNote gives the text of a note that key signed. Signatures of others (witnesses) may stand below it.
func openNote(signed []byte, key note.Verifier) (text string, err error) {
	n, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return "", fmt.Errorf("%w (%s+%08x): %w", ErrSignature, key.Name(), key.KeyHash(), err)
	}
	for _, s := range append(n.Sigs, n.UnverifiedSigs...) {
		// A lax decoder takes several texts for one signature; then a changed byte would go unseen.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return "", fmt.Errorf("%w (%s+%08x): signature: %w", ErrSignature, key.Name(), key.KeyHash(), err)
		}
	}
	if again, err := note.Sign(n); err != nil || len(n.UnverifiedSigs) == 0 && !bytes.Equal(again, signed) {
		return "", fmt.Errorf("%w (%s+%08x): it is not in the form that was signed", ErrSignature, key.Name(), key.KeyHash())
	}
	return n.Text, nil
}

// unverified reads a checkpoint whoever signed it.
func unverified(signed []byte) (Checkpoint, error) {
	var c checkpoints.Checkpoint
	if _, err := c.Unmarshal(signed); err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{c.Size, c.Hash}, nil
}
