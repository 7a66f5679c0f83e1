package pager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

const (
	// freshFor is how long a list of incidents is believed: it is not asked for by
	// every case and round.
	freshFor = time.Minute
	// maxIncidents is how many open incidents are looked at: with more, nobody
	// could say which is about a host.
	maxIncidents = 300
	page         = 100
)

// incident is an open one with what its alerts say.
type incident struct {
	id, link, key string
	created       time.Time
	alerts        []alert
}

// alert is one alert of an incident: its key, and what it holds at the keys
// where hosts are.
type alert struct {
	key   string
	hosts []string
}

// incidentID is what PagerDuty's ids look like. What doesn't is not put into an
// address.
var incidentID = regexp.MustCompile(`^[A-Za-z0-9]{1,40}$`)

// finder remembers which incidents are open.
type finder struct {
	mu    sync.Mutex
	at    time.Time // when they were asked for
	since time.Time // and how far back
	open  []incident
	more  bool // there are others, at which nobody looked
	// alerts are those of incidents that have not changed, by id and number.
	alerts map[string][]alert
}

func (f *finder) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.open, f.alerts = time.Time{}, nil, nil
}

// match is what is known of the incident of a host.
type match struct {
	id, link string
	// several is how many may be about the host; then it is none of them.
	several int
}

// matching picks the incident that is about a host. By an alert that holds the
// host where the config says; only if there is none, by a key that has the host
// in it as a whole word. Warden's own alerts are not looked at: their keys hold
// hosts, too.
func matching(open []incident, host remedy.HostName, since time.Time) match {
	byHost := func(inc incident) bool {
		return slices.ContainsFunc(inc.alerts, func(a alert) bool { return !a.own() && a.about(host) })
	}
	byKey := func(inc incident) bool {
		return !own(inc.key) && hasWord(inc.key, string(host)) ||
			slices.ContainsFunc(inc.alerts, func(a alert) bool { return !a.own() && hasWord(a.key, string(host)) })
	}
	for _, fits := range []func(incident) bool{byHost, byKey} {
		var found []incident
		for _, inc := range open {
			if !inc.created.Before(since) && fits(inc) {
				found = append(found, inc)
			}
		}
		switch {
		case len(found) == 1:
			return match{id: found[0].id, link: found[0].link}
		case len(found) > 1:
			return match{several: len(found)}
		}
	}
	return match{}
}

// own reports whether a key is of one of warden's alerts.
func own(key string) bool { return strings.HasPrefix(key, keyPrefix) }

func (a alert) own() bool { return own(a.key) }

// about reports whether an alert names the host: alone, or with a port.
func (a alert) about(host remedy.HostName) bool {
	return slices.ContainsFunc(a.hosts, func(v string) bool {
		if strings.EqualFold(v, string(host)) {
			return true
		}
		name, port, ok := cutLast(v, ":")
		return ok && strings.EqualFold(name, string(host)) && digits(port)
	})
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// hasWord reports whether text has the host in it as a whole word. What a host's
// name may have in it is no end of a word, so that web-1 is not in web-10,
// web-1-old or web-1.example.net.
func hasWord(text, host string) bool {
	text, host = strings.ToLower(text), strings.ToLower(host)
	if host == "" {
		return false
	}
	inName := func(b byte) bool {
		return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '_' || b >= 0x80
	}
	for from := 0; ; {
		i := strings.Index(text[from:], host)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(host)
		before := start == 0 || !inName(text[start-1]) && text[start-1] != '.'
		after := end == len(text) || !inName(text[end]) && (text[end] != '.' || end+1 == len(text) || !inName(text[end+1]))
		if before && after {
			return true
		}
		from = start + 1
	}
}

// incidents are those that are open, and began at since or later.
// more says that there are others.
func (d *delivery) incidents(ctx context.Context, since time.Time) (all []incident, more bool, err error) {
	f, now := &d.c.found, d.c.Clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at.IsZero() && now.Sub(f.at) < freshFor && !since.Before(f.since) {
		return f.open, f.more, nil
	}
	if !d.oldest.IsZero() && d.oldest.Before(since) {
		since = d.oldest // one list does for all that are going to be looked for
	}
	known, alerts := []incident{}, map[string][]alert{}
	for offset := uint(0); offset < maxIncidents; offset += page {
		got, err := call(ctx, func(ctx context.Context) (*pagerduty.ListIncidentsResponse, error) {
			list, err := d.api.rest.ListIncidentsWithContext(ctx, pagerduty.ListIncidentsOptions{
				Limit: page, Offset: offset, Since: since.UTC().Format(time.RFC3339), ServiceIDs: d.s.Services, Statuses: []string{"triggered", "acknowledged"},
			})
			return right(list, err, func(r *pagerduty.ListIncidentsResponse) bool { return r.Incidents != nil })
		})
		if err != nil {
			if t, ok := errors.AsType[*trouble](err); ok {
				t.wide = true // whatever is told of any host needs this list
			}
			return nil, false, err
		}
		for _, one := range got.Incidents {
			if !incidentID.MatchString(one.ID) {
				continue
			}
			key := fmt.Sprintf("%s %d", one.ID, one.AlertCounts.All)
			list, ok := f.alerts[key]
			if !ok {
				if list, ok, err = d.alertsIn(ctx, one.ID); err != nil {
					return nil, false, err
				}
			}
			if ok {
				alerts[key] = list
			}
			created, _ := time.Parse(time.RFC3339, one.CreatedAt) // zero is before everything, and matches nothing
			known = append(known, incident{id: one.ID, link: incidentLink(one.HTMLURL, d.s.APIURL), key: one.IncidentKey, created: created, alerts: list})
		}
		if more = got.More; !more {
			break
		}
	}
	f.at, f.since, f.open, f.more, f.alerts = now, since, known, more, alerts
	return known, more, nil
}

// unreadAfter is how often in a row an incident's alerts are asked for in vain before
// the notes of the others go on without them.
const unreadAfter = 3

// alertsIn asks for the alerts of one of the open incidents. ok is false where they
// can't be had for a while: then it is known by its key alone, and that is nothing to
// the others. What may work the next time, or all would meet, is an error.
func (d *delivery) alertsIn(ctx context.Context, id string) (list []alert, ok bool, err error) {
	key, unread, alone := "alerts/"+id, "unread/"+id, &d.c.alone
	if d.resting(unread) {
		return nil, false, nil
	}
	list, err = d.alertsOf(ctx, id)
	if err == nil {
		alone.works(key)
		return list, true, nil
	}
	t, known := errors.AsType[*trouble](err)
	if !known || t.wide {
		return nil, false, err
	}
	now, rest := d.c.Clock.Now(), max(freshFor, t.wait)
	alone.aside(key, now, err)
	switch {
	case !t.again:
		rest = refusedPause // as one that somebody deleted just now
	case t.wait == 0 && alone.times(key) < unreadAfter:
		return nil, false, err
	}
	alone.leave(unread, now, rest)
	d.once("the alerts of an incident can't be read: it is known by its key alone until they can", zap.String("incident", id), zap.String("why", t.text))
	return nil, false, nil
}

// alertsOf asks for the alerts of an incident.
func (d *delivery) alertsOf(ctx context.Context, id string) ([]alert, error) {
	var out []alert
	for offset := uint(0); offset < maxIncidents; offset += page {
		got, err := call(ctx, func(ctx context.Context) (*pagerduty.ListAlertsResponse, error) {
			list, err := d.api.rest.ListIncidentAlertsWithContext(ctx, id, pagerduty.ListIncidentAlertsOptions{Limit: page, Offset: offset})
			return right(list, err, func(r *pagerduty.ListAlertsResponse) bool { return r.Alerts != nil })
		})
		if err != nil {
			return nil, err
		}
		for _, one := range got.Alerts {
			out = append(out, alert{key: one.AlertKey, hosts: hostsIn(one.Body, d.s.HostKeys)})
		}
		if !got.More {
			break
		}
	}
	return out, nil
}

// hostsIn is what an alert's body holds at the keys where hosts are. Fields of
// the common event format are in cef_details, the sender's own in details.
func hostsIn(body map[string]any, keys []string) []string {
	cef, _ := body["cef_details"].(map[string]any)
	field := map[string]string{"source": "source_origin", "component": "source_component", "group": "service_group", "class": "event_class"}
	var out []string
	add := func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, one := range v {
				if s, ok := one.(string); ok {
					out = append(out, s)
				}
			}
		}
	}
	for _, key := range keys {
		if path, ok := strings.CutPrefix(key, "custom_details."); ok {
			for _, details := range []any{body["details"], cef["details"], body["custom_details"]} {
				add(dig(details, path))
			}
			continue
		}
		add(cef[field[key]])
		add(body[key])
	}
	return out
}

// dig follows a path into nested objects; a name with dots in it is tried whole
// first.
func dig(in any, path string) any {
	m, ok := in.(map[string]any)
	if !ok {
		return nil
	}
	if v, ok := m[path]; ok {
		return v
	}
	head, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil
	}
	return dig(m[head], rest)
}

// cleanLink is an address as it may be sent; empty for what is none.
func cleanLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

// incidentLink is the address of an incident as it may be stored and shown; empty for
// what is none. It is below PagerDuty's own name, or beside the API that is
// configured, and https; or the very server that is configured, by its scheme.
func incidentLink(s, apiURL string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || len(s) > maxLink {
		return ""
	}
	domains := []string{"pagerduty.com"}
	if own, err := url.Parse(apiURL); err == nil && own.Host != "" {
		if own.Host == u.Host && own.Scheme == u.Scheme && (u.Scheme == "https" || u.Scheme == "http") {
			return u.String()
		}
		if d, named := strings.CutPrefix(strings.ToLower(own.Hostname()), "api."); named && strings.Contains(d, ".") {
			domains = append(domains, d)
		}
	}
	host := strings.ToLower(u.Hostname())
	below := func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) }
	if u.Scheme != "https" || u.Port() != "" || !slices.ContainsFunc(domains, below) {
		return ""
	}
	return u.String()
}

// sinceOf is how far back the incident of a case may have begun.
func (d *delivery) sinceOf(c *ledger.Case) time.Time {
	since := c.OpenedAt
	if f := c.Opened; f != nil && !f.BadSince.IsZero() && f.BadSince.Before(since) {
		since = f.BadSince
	}
	return since.Add(-d.s.Lookback).Truncate(time.Second)
}

// looksFor notes that the incident of a case is going to be looked for.
func (d *delivery) looksFor(c *ledger.Case) {
	if since := d.sinceOf(c); d.oldest.IsZero() || since.Before(d.oldest) {
		d.oldest = since
	}
}

// incidentOf finds the incident that a case is about: the one that was found
// before, or what matches now.
func (d *delivery) incidentOf(ctx context.Context, c *ledger.Case) (match, error) {
	key := ledger.IncidentKey(c.ID)
	if p, ok := d.post(key); ok && incidentID.MatchString(p.ID) {
		return match{id: p.ID, link: p.Link}, nil
	}
	since := d.sinceOf(c)
	open, more, err := d.incidents(ctx, since)
	if err != nil {
		return match{}, err
	}
	m := matching(open, c.Host, since)
	if more && m.several == 0 {
		m = match{several: maxIncidents} // any of the others may be about it, too
	}
	was, had := d.post(key)
	p := ledger.Post{Key: key, Case: c.ID, ID: m.id, Link: m.link}
	if m.several > 0 {
		p.ID = ledger.SeveralIncidents(m.several)
	}
	switch {
	case p.ID == "" && had:
		p.Gone = true
		d.receipt(p)
	case p.ID != "" && cmp.Or(was.ID, "none") != p.ID:
		d.receipt(p)
	}
	return m, nil
}
