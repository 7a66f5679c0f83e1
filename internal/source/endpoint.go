package source

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/api"

	"warden/internal/clock"
)

// endpoint is a server that answers questions over HTTP: what the sources that
// do so have in common.
type endpoint struct {
	opts    Options
	base    string // the address, fit to be shown
	client  api.Client
	clock   clock.Clock // only to measure how long requests take
	words   words
	onlyGet atomic.Bool // something in between refuses POST
}

// words are how a kind of server is spoken of.
type words struct {
	// tooLarge says what to do about an answer that is too large.
	tooLarge string
}

// newEndpoint makes an endpoint from its options and refuses those that can't
// work. It does not connect.
func newEndpoint(o Options, w words) (*endpoint, error) {
	o, u, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(api.Config{
		Address: u.String(),
		Client: &http.Client{
			Transport: capped{next: o.Transport, most: o.MaxBytes},
			// A redirect would carry credentials to a host nobody configured.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	if err != nil {
		return nil, o.wrong("url is not an address: write it as https://host:port or https://host/prefix")
	}
	o.Metrics.prepare(o.Name)
	return &endpoint{opts: o, base: strings.TrimRight(u.String(), "/"), client: client, clock: clock.System(), words: w}, nil
}

// Close gives up the idle connections. Requests under way are not disturbed.
func (p *endpoint) Close() {
	if c, ok := p.client.(api.CloseIdler); ok {
		c.CloseIdleConnections()
	}
}
