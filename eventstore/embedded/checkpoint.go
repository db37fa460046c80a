package embedded

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint makes a consistent copy of the log in the folder dir, which must not exist, while appends go
// on. The copy holds every event that was answered before the call, and of later ones a prefix; [Open]
// opens it. Tables are hard links, so it costs little, and dir must be on the log's own file system. After
// an error remove dir: what is in it is not whole.
func (s *Store) Checkpoint(ctx context.Context, dir string) error {
	release, err := s.use()
	if err != nil {
		return err
	}
	defer release()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("copy event store to %s: %w", dir, err)
	}
	return nil
}
