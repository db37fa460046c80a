package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"orderengine/eventstore"
)

// Checkpoint makes a consistent copy of the log in the folder dir, which must not exist, while appends go on, and gives
// the position of the copy's last event. The copy holds every event that was answered before the call, and of later ones
// a prefix; [Open] opens it. Tables are hard links, so it costs little, and dir must be on the log's own file system. After
// an error remove dir: what is in it is not whole.
func (s *Store) Checkpoint(ctx context.Context, dir string) (eventstore.Position, error) {
	release, err := s.use()
	if err != nil {
		return eventstore.Position{}, err
	}
	defer release()
	if err := ctx.Err(); err != nil {
		return eventstore.Position{}, err
	}
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return eventstore.Position{}, fmt.Errorf("copy event store to %s: %w", dir, err)
	}
	// What was appended meanwhile is in the copy or not: only the copy knows.
	copied, err := Open(dir, Options{ReadOnly: true, FS: s.fs, Logger: s.log})
	if err != nil {
		return eventstore.Position{}, fmt.Errorf("copy of the event store: %w", err)
	}
	at, err := copied.Head(ctx)
	return at, errors.Join(err, copied.Close())
}
