package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderengine/eventstore"
)

// silent is a log that takes a question and never answers.
type silent struct{ logStore }

func (silent) Head(ctx context.Context) (eventstore.Position, error) {
	<-ctx.Done()
	return eventstore.Position{}, ctx.Err()
}

// TestASilentLogHoldsNoScrape: what else the metrics tell is wanted most while the log is away.
func TestASilentLogHoldsNoScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, metrics := &Engine{store: silent{}}, prometheus.NewRegistry()
		e.observe(metrics)
		began := time.Now()
		families, err := metrics.Gather()
		if took := time.Since(began); err != nil || len(families) != 1 || took > 2*time.Second {
			t.Errorf("%d metrics after %s, %v", len(families), took, err)
		}
	})
}
