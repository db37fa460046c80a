package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"orderengine/domain/delivery"
	"orderengine/eventstore/decider"
	"orderengine/gateways/webhooks"
	"orderengine/httpapi"
	"orderengine/projections"
)

// WebhookConfig is how events are delivered to hospitals.
type WebhookConfig struct {
	Timeout time.Duration // after which a hospital has not taken a batch
	MaxWait time.Duration // the longest between the tries to deliver one
}

func (c *WebhookConfig) flags(flags *pflag.FlagSet) {
	flags.DurationVar(&c.Timeout, "webhook-timeout", c.Timeout, "after this a hospital that has not answered has not taken what it was sent")
	flags.DurationVar(&c.MaxWait, "webhook-wait", c.MaxWait, "longest wait between the tries to deliver to a hospital; it begins at 1s and doubles")
}

func (c WebhookConfig) check() error {
	if c.Timeout <= 0 || c.Timeout > maxWebhookTimeout {
		return fmt.Errorf("%s: %s is not above 0 and at most %s", Variable("webhook-timeout"), c.Timeout, maxWebhookTimeout)
	}
	if c.MaxWait <= 0 || c.MaxWait > delivery.MaxWait {
		return fmt.Errorf("%s: %s is not above 0 and at most %s", Variable("webhook-wait"), c.MaxWait, delivery.MaxWait)
	}
	return nil
}

// maxWebhookTimeout bounds how long a hospital that hangs keeps the server from stopping.
const maxWebhookTimeout = time.Minute

// openWebhooks makes who delivers to hospitals, on what the API has.
func (e *Engine) openWebhooks() error {
	file := filepath.Join(e.settings.Data, "keys", "webhooks.key")
	key, made, err := webhooks.OpenKey(file)
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("data"), err)
	}
	if made {
		e.logger.Info("a key that seals the secrets of webhooks was made; keep a copy of the file", "file", file)
	}
	server, err := webhooks.ServerName(filepath.Join(e.settings.Data, "server.name"))
	if err != nil {
		return fmt.Errorf("%s: %w", Variable("data"), err)
	}
	a := e.api
	a.WebhookKey = key
	a.Deliveries = decider.New(e.store, model(delivery.Category, delivery.Codec, delivery.Decide, delivery.Evolve), e.deciderOptions(0))
	e.courier = &webhooks.Courier{
		List: projections.Hospitals{Views: a.Views}.Webhooks, Events: a.HospitalEvents, Hospitals: a.Hospitals, Ledgers: a.Deliveries, Key: key,
		Sender: delivery.Sender{Server: server, Run: uuid.NewString()}, Timeout: e.settings.Webhooks.Timeout, MaxWait: e.settings.Webhooks.MaxWait,
		Now: e.now, Logger: e.logger,
	}
	a.DeliveryStatus = e.courier.Status
	a.Ready = append(a.Ready, e.webhooksCheck())
	a.Metrics.MustRegister(webhookMetrics{e})
	return nil
}

// webhooksCheck tells of hospitals that do not take their events. They are no reason to get no requests.
func (e *Engine) webhooksCheck() httpapi.Check {
	return httpapi.Check{Name: "webhooks", Look: func(context.Context) (string, error) {
		all := e.courier.Statuses()
		var failing []string
		for _, s := range all {
			if s.Failures > 0 {
				failing = append(failing, fmt.Sprintf("%s since %s (%d tries, %s)", s.Hospital, s.Since.Format(time.RFC3339), s.Failures, s.Why))
			}
		}
		word := fmt.Sprintf("%d hospitals", len(all))
		if len(failing) > 0 {
			word += ", failing: " + strings.Join(failing, "; ")
		}
		return word, nil
	}}
}

var (
	webhookFailures = prometheus.NewDesc("orderd_webhook_failures", "Tries to deliver to a hospital that failed since the last that went well.", []string{"hospital"}, nil)
	webhookLag      = prometheus.NewDesc("orderd_webhook_lag_seconds", "Age of a hospital's oldest event that is not delivered; 0 if all are.", []string{"hospital"}, nil)
	webhookEvents   = prometheus.NewDesc("orderd_webhook_delivered_events_total", "Events that this process has delivered to a hospital, each time.", []string{"hospital"}, nil)
)

// webhookMetrics shows the deliveries as metrics.
type webhookMetrics struct{ e *Engine }

// Describe implements [prometheus.Collector].
func (m webhookMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{webhookFailures, webhookLag, webhookEvents} {
		out <- desc
	}
}

// Collect implements [prometheus.Collector].
func (m webhookMetrics) Collect(out chan<- prometheus.Metric) {
	for _, s := range m.e.courier.Statuses() {
		lag := 0.0
		if !s.Oldest.IsZero() {
			lag = max(0, m.e.now().Sub(s.Oldest).Seconds())
		}
		out <- prometheus.MustNewConstMetric(webhookFailures, prometheus.GaugeValue, float64(s.Failures), s.Hospital)
		out <- prometheus.MustNewConstMetric(webhookLag, prometheus.GaugeValue, lag, s.Hospital)
		out <- prometheus.MustNewConstMetric(webhookEvents, prometheus.CounterValue, float64(s.Delivered), s.Hospital)
	}
}
