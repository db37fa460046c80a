package engine

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"orderengine/httpapi"
	"orderengine/projections"
	"orderengine/projections/redisview"
)

// duty is what only one of the servers that share a log and a Redis does at a time.
type duty struct {
	name string // for people
	*projections.Leadership
}

// openLeases takes part in the choice of who projects and who reacts. The views of each version are projected by
// a server of that version, so that a new one can build its own while the old one serves; one reacts of all.
// Where the views are embedded nobody shares them, and there is nothing to choose.
func (e *Engine) openLeases() error {
	if e.settings.Views == embeddedStore {
		return nil
	}
	leases, err := redisview.OpenLeases(e.settings.Views, redisview.Options{Namespace: e.settings.ViewsNamespace})
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("views"), err)
	}
	e.closers = append(e.closers, leases)
	alone := !e.settings.clustered() // the folder of the log is locked: a lease of another is one that has ended
	holder := serverName()
	e.campaign = func(lease string) *projections.Leadership {
		return projections.NewLeadership(leases.Lease(lease, alone), lease, holder, e.logger)
	}
	e.duties = []duty{{projector, e.campaign(projectorLease(projections.Version))}, {reactor, e.campaign(reactor)}}
	return nil
}

func projectorLease(version int) string { return projector + "-v" + strconv.Itoa(version) }

// projectorOf is the choice of who projects the views of a version. Those of an older one serve here until this
// version's are built; servers of the older version may be there and project them.
func (e *Engine) projectorOf(version int) *projections.Leadership {
	if version == projections.Version || e.campaign == nil {
		return e.leadership(projector)
	}
	return e.campaign(projectorLease(version))
}

const projector, reactor = "projector", "reactor"

// leadership is that of a duty, nil where this server is the only one there can be.
func (e *Engine) leadership(name string) *projections.Leadership {
	for _, d := range e.duties {
		if d.name == name {
			return d.Leadership
		}
	}
	return nil
}

// serverName tells this process from all others.
func serverName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
}

// lead claims what this server may do alone, until ctx ends or resign is called.
func (e *Engine) lead(ctx context.Context, work *errgroup.Group) (resign context.CancelFunc) {
	ctx, resign = context.WithCancel(ctx)
	for _, d := range e.duties {
		work.Go(func() error { return ended(d.Run(ctx)) })
	}
	return resign
}

// react does what happens outside because of events, if that is this server's to do.
func (e *Engine) react(ctx context.Context, do func(ctx context.Context) error) error {
	if !e.settings.React {
		return nil
	}
	return ended(e.leadership(reactor).While(ctx, do))
}

// dutyChecks tell who has which lease. It is wrong only if that is not known.
func (e *Engine) dutyChecks() (checks []httpapi.Check) {
	for _, d := range e.duties {
		checks = append(checks, httpapi.Check{Name: d.name, Look: func(context.Context) (string, error) {
			status, err := d.Status()
			if e.now().Before(status.Until) {
				err = nil // one claim may fail
			}
			if status.Holder == "" {
				return "nobody knows who leads", err
			}
			who := "follower of " + status.Holder
			if status.Leads {
				who = "leader, " + status.Holder
			}
			return fmt.Sprintf("%s, token %d, until %s", who, status.Token, status.Until.UTC().Format("2006-01-02T15:04:05.000Z")), err
		}})
	}
	return checks
}

// observeDuties shows as metrics which leases this server has.
func (e *Engine) observeDuties(metrics *prometheus.Registry) {
	for _, d := range e.duties {
		labels := prometheus.Labels{"lease": d.name}
		metrics.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderd_lease_held", Help: "1 while this server has the lease.", ConstLabels: labels},
				func() float64 {
					if status, _ := d.Status(); status.Leads {
						return 1
					}
					return 0
				}),
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "orderd_lease_terms_total", Help: "Times that this server has got the lease.", ConstLabels: labels},
				func() float64 {
					status, _ := d.Status()
					return float64(status.Terms)
				}))
	}
}

// checkReact checks whether the choice of who reacts is the settings' to make.
func (c Config) checkReact() error {
	switch {
	case c.React:
		return nil
	case !c.clustered():
		return fmt.Errorf("%s: nobody else could do it: the embedded log has one server", Variable("react"))
	case c.Views != embeddedStore:
		return fmt.Errorf("%s: a lease says who does it, where the views are in Redis", Variable("react"))
	}
	return nil
}
