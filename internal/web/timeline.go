package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// SchemaTimeline is the schema of Timeline.
const SchemaTimeline = "warden.timeline/v1"

// Timeline is what warden saw, did and did not do about hosts within a span, for
// the review of an incident.
type Timeline struct {
	Schema string `json:"schema"`
	// ServedAt is the answering node's time.
	ServedAt time.Time `json:"served_at"`
	Cluster  string    `json:"cluster"`
	// Incident is PagerDuty's id, Link where it is; empty for a span and hosts.
	Incident string    `json:"incident,omitempty"`
	Link     string    `json:"link,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	// Hosts are those that it is about, sorted.
	Hosts []remedy.HostName `json:"hosts"`
	// Cases are theirs, oldest first; Nearby those of other hosts of their pools.
	Cases  []*ledger.Case `json:"cases"`
	Nearby []*ledger.Case `json:"nearby"`
	// Storms are the newest common modes of those pools, Latches and Resets their
	// breakers, Freeze and Holds what people stop now.
	Storms  []TimelineStorm `json:"storms"`
	Latches []ledger.Latch  `json:"latches"`
	Resets  []ledger.Reset  `json:"resets"`
	Freeze  *ledger.Freeze  `json:"freeze,omitempty"`
	Holds   []ledger.Hold   `json:"holds"`
	// Happenings are what became of warden itself: who led, what it could not see.
	Happenings []ledger.Happening `json:"happenings"`
}

// TimelineStorm is a common mode of a pool.
type TimelineStorm struct {
	Pool remedy.PoolName `json:"pool"`
	ledger.StormState
}

// CasePost is a place where people are told of a case.
type CasePost struct {
	Surface ledger.Surface `json:"surface"`
	// About is "case" or "incident".
	About string `json:"about"`
	// ID is what the surface calls it; "ambiguous: 2" for a host that several
	// incidents may be about.
	ID   string `json:"id,omitempty"`
	Link string `json:"link,omitempty"`
}

// posts lists where people are told of a case.
func (s *surface) posts(id remedy.CaseID) []CasePost {
	var out []CasePost
	for _, about := range []string{"case", "incident"} {
		for _, where := range []ledger.Surface{ledger.SurfaceSlack, ledger.SurfacePagerDuty} {
			if p, ok := s.Ledger.Post(where, about+"/"+id.String()); ok {
				out = append(out, CasePost{Surface: where, About: about, ID: p.ID, Link: p.Link})
			}
		}
	}
	return out
}

type timelineInput struct {
	Incident string    `query:"incident" maxLength:"40" doc:"PagerDuty's id of an incident that warden has a note on"`
	Hosts    []string  `query:"host,explode" maxItems:"100" doc:"hosts, for an incident that warden has no note on"`
	Since    time.Time `query:"since" doc:"where the span begins; half an hour before its first case without it"`
	Until    time.Time `query:"until" doc:"where the span ends; with its last case, or now, without it"`
}

func (s *surface) timelineRoutes(api huma.API) {
	route(api, http.MethodGet, "/timeline", "get-timeline", "What warden saw, did and did not do, for the review of an incident", func(_ context.Context, in *timelineInput) (*Timeline, error) {
		return s.timeline(in)
	})
}

// leadIn is how long before its first case a review begins.
const leadIn = 30 * time.Minute

func (s *surface) timeline(in *timelineInput) (*Timeline, error) {
	r := &Timeline{
		Schema: SchemaTimeline, ServedAt: s.now(), Cluster: s.Node.Cluster(), Incident: in.Incident, From: in.Since.UTC(), To: in.Until.UTC(),
		Hosts: []remedy.HostName{}, Cases: []*ledger.Case{}, Nearby: []*ledger.Case{}, Storms: []TimelineStorm{}, Latches: []ledger.Latch{}, Resets: []ledger.Reset{}, Holds: []ledger.Hold{}, Happenings: []ledger.Happening{},
	}
	if in.Incident == "" && len(in.Hosts) == 0 {
		return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "a timeline is about an incident, or about hosts: add `incident`, or `host` with `since`")
	}
	noted := s.notedOn(in.Incident)
	for _, h := range in.Hosts {
		r.Hosts = append(r.Hosts, remedy.HostName(h))
	}
	for id, link := range noted {
		if c, ok := s.Ledger.Case(id); ok {
			r.Hosts, r.Link = append(r.Hosts, c.Host), cmp.Or(r.Link, link)
		}
	}
	slices.Sort(r.Hosts)
	r.Hosts = slices.Compact(r.Hosts)
	if len(r.Hosts) == 0 {
		return nil, problem(http.StatusNotFound, ledger.RefusedNoCase, "warden has no note on incident "+in.Incident+": give `--since`, `--until` and `--host` instead")
	}
	if r.From.IsZero() && len(noted) == 0 {
		return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "a timeline of hosts needs to know from when: add `--since`, a time such as 02:30")
	}
	s.span(r, noted)
	s.fillTimeline(r, noted)
	return r, nil
}

// notedOn are the cases that are about an incident, with its address.
func (s *surface) notedOn(incident string) map[remedy.CaseID]string {
	out := map[remedy.CaseID]string{}
	if incident == "" {
		return out
	}
	for _, p := range s.Ledger.Posts(ledger.SurfacePagerDuty) {
		if p.Case != 0 && (p.ID == incident && strings.HasPrefix(p.Key, "incident/") || p.Place == incident) {
			out[p.Case] = cmp.Or(p.Link, out[p.Case])
		}
	}
	return out
}

// span fills in where a review begins and ends.
func (s *surface) span(r *Timeline, noted map[remedy.CaseID]string) {
	var first, last time.Time
	for id := range noted {
		c, ok := s.Ledger.Case(id)
		if !ok {
			continue
		}
		if first.IsZero() || c.OpenedAt.Before(first) {
			first = c.OpenedAt
		}
		end := c.ClosedAt
		if c.Open() {
			end = r.ServedAt
		}
		if end.After(last) {
			last = end
		}
	}
	if r.From.IsZero() {
		r.From = first.Add(-leadIn).UTC()
	}
	if r.To.IsZero() {
		r.To = r.ServedAt
		if !last.IsZero() {
			r.To = last.UTC()
		}
	}
}

// mostNearby bounds the cases of other hosts.
const mostNearby = 200

// fillTimeline collects what lies in the span.
func (s *surface) fillTimeline(r *Timeline, noted map[remedy.CaseID]string) {
	pools := map[remedy.PoolName]bool{}
	within := func(from, to time.Time) bool { return !from.After(r.To) && (to.IsZero() || !to.Before(r.From)) }
	all := s.Ledger.Cases(ledger.CaseFilter{Since: r.From})
	slices.Reverse(all) // oldest first
	for _, c := range all {
		_, told := noted[c.ID]
		if told || slices.Contains(r.Hosts, c.Host) && within(c.OpenedAt, c.ClosedAt) {
			r.Cases, pools[c.Pool] = append(r.Cases, c), true
		}
	}
	for _, c := range all {
		if pools[c.Pool] && !slices.Contains(r.Hosts, c.Host) && within(c.OpenedAt, c.ClosedAt) && len(r.Nearby) < mostNearby {
			r.Nearby = append(r.Nearby, c)
		}
	}
	for _, name := range s.pools() {
		if !pools[name] {
			continue
		}
		for _, storm := range s.Ledger.Pool(name, r.ServedAt).Storms {
			if !storm.StartedAt.IsZero() && within(storm.StartedAt, storm.EndedAt) {
				r.Storms = append(r.Storms, TimelineStorm{Pool: name, StormState: storm})
			}
		}
	}
	breakers := s.Ledger.Breakers()
	for _, l := range breakers.Latches {
		if (l.Pool == "" || pools[l.Pool]) && within(l.Since, time.Time{}) {
			r.Latches = append(r.Latches, l)
		}
	}
	for _, x := range breakers.Resets {
		if (x.Pool == "" || pools[x.Pool]) && within(x.At, x.At) {
			r.Resets = append(r.Resets, x)
		}
	}
	led := s.Ledger.Status()
	if f := led.Freeze; f != nil && within(f.Since, f.Until) {
		r.Freeze = f
	}
	for _, h := range led.Holds {
		if pools[h.Pool] && (h.Host == "" || slices.Contains(r.Hosts, h.Host)) && within(h.Since, h.Until) {
			r.Holds = append(r.Holds, h)
		}
	}
	for _, h := range s.Ledger.Happenings() {
		end := h.Until
		if h.Kind == ledger.HappenedLead {
			end = h.At
		}
		if within(h.At, end) {
			r.Happenings = append(r.Happenings, h)
		}
	}
}

// TimelineQuery says what a timeline is about.
type TimelineQuery struct {
	Incident     string
	Hosts        []string
	Since, Until time.Time
}

// Timeline returns what warden saw, did and did not do.
func (c *Client) Timeline(ctx context.Context, q TimelineQuery) (*Timeline, error) {
	v := url.Values{}
	if q.Incident != "" {
		v.Set("incident", q.Incident)
	}
	for _, h := range q.Hosts {
		v.Add("host", h)
	}
	for key, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			v.Set(key, at.UTC().Format(time.RFC3339))
		}
	}
	return get[Timeline](ctx, c, "/api/v1/timeline", v)
}
