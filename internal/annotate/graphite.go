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

// Graphite is graphite-web, whose events stay as they are once they are made.
type Graphite struct {
	// URL is graphite-web's; Token reads a bearer token, nil for none.
	URL    string
	Token  func() (string, error)
	Client *outbound.Client
}

// Name implements Place.
func (g *Graphite) Name() string { return "graphite" }

// Find implements Place: it asks for the events around the mark's time, by its
// tag.
func (g *Graphite) Find(ctx context.Context, m Mark) (id string, there bool, r outbound.Reply, err error) {
	r, err = g.events(ctx, m.unique(), m.At.Add(-time.Second), m.At.Add(2*time.Second))
	if err != nil || !r.OK() {
		return "", false, r, err
	}
	id, err = among(r.Body, m.unique(), "graphite")
	return id, id != "", r, err
}

func (g *Graphite) events(ctx context.Context, tag string, from, until time.Time) (outbound.Reply, error) {
	q := url.Values{"tags": {tag}, "from": {strconv.FormatInt(from.Unix(), 10)}, "until": {strconv.FormatInt(until.Unix(), 10)}}
	return g.send(ctx, http.MethodGet, "/events/get_data?"+q.Encode(), nil)
}

// Make implements Place.
func (g *Graphite) Make(ctx context.Context, m Mark) (string, outbound.Reply, error) {
	body, err := json.Marshal(struct {
		What string   `json:"what"`
		Tags []string `json:"tags"`
		When int64    `json:"when"`
		Data string   `json:"data"`
	}{m.Text, m.Tags, m.At.Unix(), m.Data})
	if err != nil {
		return "", outbound.Reply{}, err
	}
	r, err := g.send(ctx, http.MethodPost, "/events/", body)
	if err == nil && r.OK() && len(strings.TrimSpace(string(r.Body))) > 0 {
		err = errAnswer("graphite") // it says nothing; a login page does
	}
	return "", r, err
}

// Change implements Place. An event can't be changed: what came of it later is not
// in it.
func (g *Graphite) Change(context.Context, string, Mark) (outbound.Reply, error) {
	return outbound.Reply{Status: http.StatusOK}, nil
}

func (g *Graphite) send(ctx context.Context, method, path string, body []byte) (outbound.Reply, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	auth, err := bearer(g.Token)
	if err != nil {
		return outbound.Reply{}, err
	}
	if auth != "" {
		h.Set("Authorization", auth)
	}
	return g.Client.Send(ctx, method, strings.TrimRight(g.URL, "/")+path, h, body)
}
