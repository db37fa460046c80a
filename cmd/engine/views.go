package engine

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"orderengine/httpapi"
	"orderengine/projections"
	"orderengine/projections/embeddedview"
	"orderengine/projections/redisview"
)

// openViews opens the set of views that serves, or what will be it once Redis can be reached.
func (e *Engine) openViews() error {
	setting := "views"
	if e.settings.Views == embeddedStore {
		setting = "data"
	}
	generations, err := e.openGenerations()
	if err != nil {
		return fmt.Errorf("%s: %w", Variable(setting), err)
	}
	periods := e.settings.periods()
	follow := func(views projections.Views) *projections.Follower {
		return projections.NewFollower(e.store, views, projections.All(periods), e.logger, e.now)
	}
	e.views, err = projections.OpenLive(context.Background(), projections.LiveOptions{
		Log: e.store, Generations: generations, Follow: follow, Lead: e.projectorOf,
		Version: projections.Version, Readable: projections.Readable, Logger: e.logger, Now: e.now,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", Variable(setting), err)
	}
	e.closers = append(e.closers, e.views)
	return nil
}

func (e *Engine) openGenerations() (projections.Generations, error) {
	if e.settings.Views == embeddedStore {
		return embeddedview.OpenGenerations(filepath.Join(e.settings.Data, "views"), projections.Version, embeddedview.Options{Logger: e.logger})
	}
	options := redisview.Options{Namespace: e.settings.ViewsNamespace, Version: projections.Version}
	generations, err := redisview.OpenGenerations(context.Background(), e.settings.Views, options)
	if err != nil {
		return nil, err
	}
	e.closers = append(e.closers, generations)
	return generations, nil
}

// viewsCheck is readiness of the views that serve; it also tells of those that are being built.
func (e *Engine) viewsCheck() httpapi.Check {
	return httpapi.Check{Name: "views", Look: func(ctx context.Context) (string, error) {
		at, _, _, err := e.views.Status()
		word := "at " + at.String()
		if building, at := e.views.Building(); building != (projections.Generation{}) {
			head, _ := e.store.Head(ctx) // the log has a check of its own
			word += fmt.Sprintf(", building %s: at %s of %s", building, at, head)
		}
		return word, err
	}}
}

// observeViews shows how far the views are as metrics.
func (e *Engine) observeViews(metrics *prometheus.Registry) {
	gauge := gauges(metrics)
	gauge("orderd_views_position", "Commit position that the views are true at.", func() float64 {
		at, _, _, _ := e.views.Status()
		return float64(at.Commit)
	})
	gauge("orderd_views_ready", "1 while the views can be read.", func() float64 {
		if _, _, _, err := e.views.Status(); err != nil {
			return 0
		}
		return 1
	})
	gauge("orderd_views_rebuilding", "1 while views are being built beside those that serve.", func() float64 {
		if building, _ := e.views.Building(); building == (projections.Generation{}) {
			return 0
		}
		return 1
	})
	gauge("orderd_views_rebuild_position", "Commit position that the views being built are true at, 0 without any.", func() float64 {
		_, at := e.views.Building()
		return float64(at.Commit)
	})
	counter := func(name, help string, value func() float64) {
		metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	counter("orderd_follower_events_total", "Events projected by this process.", func() float64 {
		_, events, _, _ := e.views.Status()
		return float64(events)
	})
	counter("orderd_follower_skipped_events_total", "System events in streams of ours, as of streams that were deleted at the store, which this process left out of the views.", func() float64 {
		return float64(e.views.Skipped())
	})
	counter("orderd_follower_failures_total", "Times that following the log had to begin again.", func() float64 {
		_, _, failures, _ := e.views.Status()
		return float64(failures)
	})
}
