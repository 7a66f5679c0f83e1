package annotate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"warden/internal/outbound"
)

// Grafana makes annotations by Grafana's HTTP API: a point, or a region once
// there is a time at which it ended.
type Grafana struct {
	// URL is Grafana's; Token reads a service account's token.
	URL   string
	Token func() (string, error)
	// Dashboard and Panel narrow where annotations are shown; empty and 0 for
	// everywhere.
	Dashboard string
	Panel     int
	Client    *outbound.Client
}

// Name implements Place.
func (g *Grafana) Name() string { return "grafana" }

// annotation is the body of a POST and of a PATCH. Times are milliseconds.
type annotation struct {
	Dashboard string   `json:"dashboardUID,omitempty"`
	Panel     int      `json:"panelId,omitempty"`
	Time      int64    `json:"time"`
	TimeEnd   int64    `json:"timeEnd,omitempty"`
	Tags      []string `json:"tags"`
	Text      string   `json:"text"`
}

func (g *Grafana) annotation(m Mark) annotation {
	a := annotation{Dashboard: g.Dashboard, Panel: g.Panel, Time: m.At.UnixMilli(), Tags: m.Tags, Text: m.Text}
	if m.Data != "" {
		a.Text += "\n" + m.Data
	}
	if !m.Until.IsZero() {
		a.TimeEnd = m.Until.UnixMilli()
	}
	return a
}

// Find implements Place.
func (g *Grafana) Find(ctx context.Context, m Mark) (id string, there bool, r outbound.Reply, err error) {
	r, err = g.find(ctx, m.unique(), m.At.Add(-time.Second), m.At.Add(time.Second))
	if err != nil || !r.OK() {
		return "", false, r, err
	}
	id, err = among(r.Body, m.unique(), "grafana")
	return id, id != "", r, err
}

func (g *Grafana) find(ctx context.Context, tag string, from, to time.Time) (outbound.Reply, error) {
	q := url.Values{"tags": {tag}, "type": {"annotation"}, "limit": {"10"}, "from": {strconv.FormatInt(from.UnixMilli(), 10)}, "to": {strconv.FormatInt(to.UnixMilli(), 10)}}
	return g.send(ctx, http.MethodGet, "/api/annotations?"+q.Encode(), nil)
}

// Make implements Place.
func (g *Grafana) Make(ctx context.Context, m Mark) (string, outbound.Reply, error) {
	r, err := g.write(ctx, http.MethodPost, "/api/annotations", g.annotation(m))
	if err != nil || !r.OK() {
		return "", r, err
	}
	var made struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(r.Body, &made) != nil || made.ID == 0 {
		return "", r, errAnswer("grafana")
	}
	return strconv.FormatInt(made.ID, 10), r, nil
}

// Change implements Place. One that somebody has deleted stays deleted.
func (g *Grafana) Change(ctx context.Context, id string, m Mark) (outbound.Reply, error) {
	a := g.annotation(m)
	a.Dashboard, a.Panel = "", 0
	r, err := g.write(ctx, http.MethodPatch, "/api/annotations/"+url.PathEscape(id), a)
	if r.Status == http.StatusNotFound {
		r.Status = http.StatusOK
	}
	return r, err
}

func (g *Grafana) write(ctx context.Context, method, path string, a annotation) (outbound.Reply, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return outbound.Reply{}, err
	}
	return g.send(ctx, method, path, body)
}

func (g *Grafana) send(ctx context.Context, method, path string, body []byte) (outbound.Reply, error) {
	auth, err := bearer(g.Token)
	if err != nil {
		return outbound.Reply{}, err
	}
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if auth != "" {
		h.Set("Authorization", auth)
	}
	return g.Client.Send(ctx, method, strings.TrimRight(g.URL, "/")+path, h, body)
}
