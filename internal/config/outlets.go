package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// Annotations is the [annotations] table: where graphs get marks of what warden
// did.
type Annotations struct {
	Graphite GraphiteEvents     `toml:"graphite"`
	Grafana  GrafanaAnnotations `toml:"grafana"`
}

// What an annotation is made of.
const (
	// AnnotateActs marks what was done: acts, undos, demotions, freezes and holds.
	AnnotateActs = "acts"
	// AnnotateAll marks whatever people are told, complaints too.
	AnnotateAll = "all"
)

// GraphiteEvents is the [annotations.graphite] table. It is in use when it has a
// URL.
type GraphiteEvents struct {
	// URL is graphite-web's, http or https, without user, password, query or fragment.
	URL string `toml:"url"`
	// TokenFile refers to a bearer token.
	TokenFile SecretRef `toml:"token_file"`
	// Tags are put on every event, besides the action, the pool and the case.
	Tags []string `toml:"tags"`
	What string   `toml:"what" oneof:"acts all"`
	// Timeout bounds one request. Proxy is the HTTP proxy to go through; empty for
	// none.
	Timeout Duration `toml:"timeout"`
	Proxy   string   `toml:"proxy"`
}

// GrafanaAnnotations is the [annotations.grafana] table. It is in use when it has
// a URL.
type GrafanaAnnotations struct {
	// URL is Grafana's, http or https, without user, password, query or fragment.
	URL string `toml:"url"`
	// TokenFile refers to a service account's token.
	TokenFile SecretRef `toml:"token_file"`
	Tags      []string  `toml:"tags"`
	What      string    `toml:"what" oneof:"acts all"`
	// DashboardUID and PanelID narrow where annotations are shown; empty and 0 for
	// all dashboards that ask for the tags.
	DashboardUID string   `toml:"dashboard_uid"`
	PanelID      int      `toml:"panel_id"`
	Timeout      Duration `toml:"timeout"`
	Proxy        string   `toml:"proxy"`
}

// Webhook is one [[webhooks]] table: a receiver of signed events.
type Webhook struct {
	Name string `toml:"name" required:"true"`
	// URL is the receiver's, http or https, without user, password, query or
	// fragment.
	URL string `toml:"url" required:"true"`
	// SecretFile refers to the key that events are signed with.
	SecretFile SecretRef `toml:"secret_file" required:"true"`
	// Pools narrow which cases it is told of; empty for all. What is about no pool is
	// told all the same.
	Pools []remedy.PoolName `toml:"pools"`
	// Kinds are what it is told; see WebhookKinds.
	Kinds   []string `toml:"kinds"`
	Timeout Duration `toml:"timeout"`
	Proxy   string   `toml:"proxy"`
}

// maxWebhooks bounds how many receivers there are: each has a loop of its own.
const maxWebhooks = 10

// minSigningKey is how many characters a key must have that a signature is worth
// something.
const minSigningKey = 16

// WebhookKinds lists the kinds of events that a webhook can be told: the kinds of
// notices.
func WebhookKinds() []string {
	return []string{
		"complaint", "question", "announced", "put_off", "answered", "started", "outcome", "forgotten",
		"common_mode", "pool", "stop", "source", "config", "demoted", "reviewed", "summary", "label",
	}
}

// DefaultWebhookKinds are told where a webhook doesn't say what: what concerns
// service, and not what people talk about among themselves.
func DefaultWebhookKinds() []string {
	return []string{"question", "announced", "put_off", "answered", "started", "outcome", "forgotten", "common_mode", "pool", "stop", "source", "demoted"}
}

func (g *GraphiteEvents) setDefaults() {
	g.What, g.Timeout, g.Tags = AnnotateActs, DefaultOutletTimeout, []string{"warden"}
}

func (g *GrafanaAnnotations) setDefaults() {
	g.What, g.Timeout, g.Tags = AnnotateActs, DefaultOutletTimeout, []string{"warden"}
}

func (w *Webhook) setDefaults() { w.Timeout, w.Kinds = DefaultOutletTimeout, DefaultWebhookKinds() }

// WebhookKey reads the key that the webhook of that name signs with, as
// Credentials does. Read it again for each event.
func (c *Config) WebhookKey(name string, env Env) (Secret, error) {
	for _, w := range c.Webhooks {
		if w.Name != name {
			continue
		}
		key, err := readSecret(w.SecretFile, env, "webhooks", name, "secret_file")
		if err == nil && len(key.Reveal()) < minSigningKey {
			err = fmt.Errorf("webhooks.%s.secret_file: its key is shorter than %d characters: make one with `openssl rand -hex 32`", name, minSigningKey)
		}
		if err != nil {
			return Secret{}, err
		}
		return key, nil
	}
	return Secret{}, fmt.Errorf("there is no webhook %q: add its [[webhooks]]", name)
}

// GraphiteEventsToken reads the token that graphite-web is shown with an event,
// as Credentials does; an empty Secret where there is none.
func (c *Config) GraphiteEventsToken(env Env) (Secret, error) {
	return readSecret(c.Annotations.Graphite.TokenFile, env, "annotations", "graphite", "token_file")
}

// GrafanaToken reads the token that Grafana is shown with an annotation.
func (c *Config) GrafanaToken(env Env) (Secret, error) {
	return readSecret(c.Annotations.Grafana.TokenFile, env, "annotations", "grafana", "token_file")
}

// outlets checks [annotations] and [[webhooks]].
func (v *validator) outlets() {
	g, f := v.config.Annotations.Graphite, v.config.Annotations.Grafana
	at := func(keys ...string) []string { return join([]string{"annotations"}, keys...) }
	if v.inUse(at("graphite"), g.URL) {
		v.sourceURL(at("graphite", "url"), Source{URL: g.URL, TokenFile: g.TokenFile})
		v.outlet(at("graphite"), g.Timeout, g.Proxy, g.Tags)
	}
	if v.inUse(at("grafana"), f.URL) {
		v.sourceURL(at("grafana", "url"), Source{URL: f.URL, TokenFile: f.TokenFile})
		v.outlet(at("grafana"), f.Timeout, f.Proxy, f.Tags)
		if !f.TokenFile.IsSet() {
			v.fail(at("grafana", "token_file"), "[annotations.grafana] has no token_file: Grafana takes annotations of nobody else; name the file with a service account's token")
		}
		v.atLeast(at("grafana", "panel_id"), int64(f.PanelID), 0)
		if f.PanelID != 0 && f.DashboardUID == "" {
			v.fail(at("grafana", "panel_id"), "panel_id needs a dashboard_uid: panels are numbered within a dashboard; add it, or remove panel_id")
		}
		if f.DashboardUID != "" && !validName(f.DashboardUID) {
			v.fail(at("grafana", "dashboard_uid"), "dashboard_uid = %s: write what stands between /d/ and the next / in the dashboard's address", quote(f.DashboardUID))
		}
	}
	hooks := v.config.Webhooks
	if len(hooks) > maxWebhooks {
		v.fail([]string{"webhooks"}, "there are %d webhooks: use %d at most, and have one of them pass events on", len(hooks), maxWebhooks)
	}
	for i, w := range hooks {
		v.webhook([]string{"webhooks", element(i)}, w, hooks[:i])
	}
}

// inUse reports whether the table has a URL, and warns about one that has keys
// and none.
func (v *validator) inUse(at []string, url string) bool {
	if url == "" && v.given[pathKey(at)] {
		v.warn(at, "[%s] has no effect without url; add url, or remove the table", dotted(at))
	}
	return url != ""
}

// outlet checks what all of them have.
func (v *validator) outlet(at []string, timeout Duration, proxy string, tags []string) {
	v.between(join(at, "timeout"), timeout, second, 60*second)
	if p := join(at, "proxy"); proxy != "" && v.ok(p) {
		u, err := url.Parse(proxy)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
			v.fail(p, "proxy is not the address of an HTTP proxy: write it as http://egress.example.net:3128")
		case u.User != nil:
			v.fail(p, "proxy holds a user or password, which would be a secret in this file: use a proxy that knows this machine by its address")
		}
	}
	for i, tag := range tags {
		if len(tag) > maxTag || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r == ',' || r == '"' || r >= 0x7f }) {
			v.fail(join(at, "tags", element(i)), "tags: %s is no tag: use letters, digits and punctuation without spaces, commas and quotes, %d at most", quote(tag), maxTag)
		}
	}
	if len(tags) > maxTags {
		v.fail(join(at, "tags"), "tags: there are %d, and Graphite bounds an event's tags all together: use %d at most", len(tags), maxTags)
	}
}

// The bounds of tags: Graphite's tags have at most 50 characters, and all of an
// event's together 255 (django-tagging); the case, action and pool take their part.
const (
	maxTag  = 30
	maxTags = 3
)

func (v *validator) webhook(p []string, w Webhook, before []Webhook) {
	at := func(keys ...string) []string { return join(p, keys...) }
	v.onlyName(at("name"), "webhook", w.Name, slices.ContainsFunc(before, func(o Webhook) bool { return o.Name == w.Name }))
	switch u, err := url.Parse(w.URL); {
	case !v.ok(at("url")):
	case err == nil && (u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != ""):
		v.fail(at("url"), "url holds a user, a query or a fragment, which may be a secret: write the bare address; the receiver knows events by their signature")
	default:
		v.sourceURL(at("url"), Source{URL: w.URL})
		if err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
			v.warn(at("url"), "events for webhook %s cross the network in the clear: use https", w.Name)
		}
	}
	v.outlet(p, w.Timeout, w.Proxy, nil)
	for i, pool := range w.Pools {
		v.reference(at("pools", element(i)), "pool", string(pool), namesOf(v.config.Pools))
	}
	for i, kind := range w.Kinds {
		if !slices.Contains(WebhookKinds(), kind) {
			v.fail(at("kinds", element(i)), "kinds: %s is not a kind of event: %s%s", quote(kind), useOneOf(WebhookKinds()), didYouMean(kind, WebhookKinds()))
		}
	}
}

// outletFiles looks whether their secrets can be read.
func (d *decoder) outletFiles(c *Config, env Env) {
	a := c.Annotations
	d.secrets([]string{"annotations", "graphite"}, env, a.Graphite.TokenFile, SecretRef{})
	d.secrets([]string{"annotations", "grafana"}, env, a.Grafana.TokenFile, SecretRef{})
	for i, w := range c.Webhooks {
		if _, err := c.WebhookKey(w.Name, env); err != nil {
			d.badValue([]string{"webhooks", element(i), "secret_file"}, "%v", err)
		}
	}
}
