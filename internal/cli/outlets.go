package cli

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/annotate"
	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/webhook"
)

// outlets are what is told of what happened, and can't answer: receivers of
// webhooks, and graphs. Each is a surface of its own.
type outlets struct {
	d     *daemon
	posts *prometheus.CounterVec
}

func newOutlets(d *daemon) (*outlets, error) {
	o := &outlets{d: d, posts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warden_outlet_posts_total",
		Help: "Requests with which a webhook or a graph was told of something, by how they ended.",
	}, []string{"surface", "result"})}
	if err := d.Registry.Register(o.posts); err != nil {
		return nil, fmt.Errorf("register the metrics of webhooks and annotations: %w: make one daemon a registry", err)
	}
	return o, nil
}

// couriers makes those that the file wants. They keep nothing between deliveries,
// so a reload makes new ones.
func (o *outlets) couriers(file *config.Config) ([]chat.Courier, error) {
	var out []chat.Courier
	var errs []error
	places, err := placesOf(file, o.d.Env)
	errs = append(errs, err)
	for _, p := range places {
		p.Logger = o.d.Logger.Named("annotations")
		p.Count = counting[annotate.Result](o, annotate.SurfaceOf(p.Place.Name()), annotate.Results())
		out = append(out, annotate.New(p))
	}
	for _, w := range file.Webhooks {
		opts, err := webhookOf(file, w, o.d.Env)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		opts.Cluster = func() webhook.Cluster {
			return webhook.Cluster{Name: file.Cluster.Name, ID: o.d.ledger.Status().ClusterID}
		}
		opts.Clock, opts.Logger = o.d.Clock, o.d.Logger.Named("webhook")
		opts.Count, opts.Say = counting[webhook.Result](o, webhook.SurfaceOf(w.Name), webhook.Results()), func(text string) { o.d.report.tell(text) }
		out = append(out, webhook.New(opts))
	}
	return out, errors.Join(errs...)
}

// counting makes a surface's counts, at 0, and what counts.
func counting[R ~string](o *outlets, s ledger.Surface, results []R) func(R) {
	for _, r := range results {
		o.posts.WithLabelValues(string(s), string(r))
	}
	return func(r R) { o.posts.WithLabelValues(string(s), string(r)).Inc() }
}

// placesOf are the graphs that the file wants, but for who logs and counts.
func placesOf(file *config.Config, env config.Env) ([]annotate.Options, error) {
	var out []annotate.Options
	var errs []error
	if g := file.Annotations.Graphite; g.URL != "" {
		client, err := outbound.New(outbound.Options{Timeout: g.Timeout.Std(), Proxy: g.Proxy})
		errs = append(errs, under("annotations.graphite", err))
		place := &annotate.Graphite{URL: g.URL, Client: client, Token: revealed(file.GraphiteEventsToken, env)}
		out = append(out, annotate.Options{Place: place, Tags: g.Tags, All: g.What == config.AnnotateAll})
	}
	if g := file.Annotations.Grafana; g.URL != "" {
		client, err := outbound.New(outbound.Options{Timeout: g.Timeout.Std(), Proxy: g.Proxy})
		errs = append(errs, under("annotations.grafana", err))
		place := &annotate.Grafana{URL: g.URL, Client: client, Token: revealed(file.GrafanaToken, env), Dashboard: g.DashboardUID, Panel: g.PanelID}
		out = append(out, annotate.Options{Place: place, Tags: g.Tags, All: g.What == config.AnnotateAll, Regions: true})
	}
	return out, errors.Join(errs...)
}

// webhookOf is a receiver of the file, but for whose events they are and who logs
// and counts.
func webhookOf(file *config.Config, w config.Webhook, env config.Env) (webhook.Options, error) {
	client, err := outbound.New(outbound.Options{Timeout: w.Timeout.Std(), Proxy: w.Proxy})
	o := webhook.Options{
		Name: w.Name, URL: w.URL, Pools: w.Pools, Client: client,
		Key: revealed(func(env config.Env) (config.Secret, error) { return file.WebhookKey(w.Name, env) }, env),
	}
	for _, k := range w.Kinds {
		o.Kinds = append(o.Kinds, ledger.NoticeKind(k))
	}
	return o, under("webhooks."+w.Name, err)
}

// under says which table an error is about.
func under(table string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s.%w", table, err)
}

// revealed reads a secret each time it is needed, for the wire.
func revealed(read func(config.Env) (config.Secret, error), env config.Env) func() (string, error) {
	return func() (string, error) {
		s, err := read(env)
		return s.Reveal(), err
	}
}
