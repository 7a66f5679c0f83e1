package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"warden/internal/clock"
)

// endpoint is a server that answers questions over HTTP: what the sources that
// do so have in common.
type endpoint struct {
	opts    Options
	base    string // the address, fit to be shown
	url     *url.URL
	client  *http.Client
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
	client := &http.Client{
		Transport: capped{next: o.Transport, most: o.MaxBytes},
		// A redirect would carry credentials to a host nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	o.Metrics.prepare(o.Name)
	return &endpoint{opts: o, url: u, base: strings.TrimRight(u.String(), "/"), client: client, clock: clock.System(), words: w}, nil
}

// Close gives up the idle connections. Requests under way are not disturbed.
func (p *endpoint) Close() { p.client.CloseIdleConnections() }

// ask posts the question, for expressions can be longer than an address may be,
// and falls back to GET where POST is refused, as Prometheus's own client does.
// The caller closes what it returns.
func (p *endpoint) ask(ctx context.Context, path string, form url.Values, auth credentials) (streamed, error) {
	if p.onlyGet.Load() {
		return p.send(ctx, http.MethodGet, path, form, auth)
	}
	r, err := p.send(ctx, http.MethodPost, path, form, auth)
	if err != nil {
		return streamed{}, err
	}
	switch r.code {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		r.close()
		r, err = p.send(ctx, http.MethodGet, path, form, auth)
		if err == nil && r.code == http.StatusOK {
			p.onlyGet.Store(true)
		}
	}
	return r, err
}

// stream asks, and has decode read what comes back while it arrives, if it is a
// 200 that begins with opens. Of any other answer, check says what it means: it
// gets the beginning.
func (p *endpoint) stream(
	ctx context.Context, path string, form url.Values, opens byte, auth credentials, check func(reply, credentials) error, decode func(*scanner) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	r, err := p.ask(ctx, path, form, auth)
	if err != nil {
		return p.explain(ctx, err)
	}
	defer r.close()
	if !r.opensWith(opens) {
		text, err := io.ReadAll(io.LimitReader(r.body, maxErrorBytes))
		if err != nil {
			return p.explain(ctx, err)
		}
		return check(reply{code: r.code, header: r.header, body: text}, auth)
	}
	err = decode(r.body)
	if broken := r.body.err; err != nil && broken != nil && !errors.Is(broken, io.EOF) && !errors.Is(broken, errToken) {
		return p.explain(ctx, broken) // what was read is in order as far as it goes
	}
	return err
}

// reply is what came back over HTTP, or the beginning of it.
type reply struct {
	code   int
	header http.Header
	body   []byte
}

// streamed is a reply that is still coming.
type streamed struct {
	code   int
	header http.Header
	body   *scanner
	stream io.Closer
}

// opensWith reports whether the reply is a 200 whose body may be decoded.
func (r streamed) opensWith(c byte) bool {
	if r.code != http.StatusOK || isHTML(mediaType(r.header)) {
		return false
	}
	got, err := r.body.peek()
	return err == nil && got == c
}

func (r streamed) close() {
	_ = r.stream.Close() // whatever it says, the answer was read or given up
}

func (p *endpoint) send(ctx context.Context, method, path string, form url.Values, auth credentials) (streamed, error) {
	u, text := *p.url, form.Encode()
	u.Path = strings.TrimRight(u.Path, "/") + path
	u.RawPath = ""
	var body io.Reader = strings.NewReader(text)
	if method == http.MethodGet {
		u.RawQuery, body = text, http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return streamed{}, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// Present but empty: net/http then takes the POST for idempotent, and
		// repeats it when an idle connection turns out to be dead.
		req.Header["Idempotency-Key"] = nil
	}
	req.Header.Set("Accept", "application/json")
	// Compressing takes the server ten times longer than sending, on a LAN.
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "warden")
	auth.apply(req)
	resp, err := p.client.Do(req) //nolint:bodyclose // streamed.close does
	if err != nil {
		return streamed{}, err
	}
	return streamed{code: resp.StatusCode, header: resp.Header, body: newScanner(resp.Body), stream: resp.Body}, nil
}

// authorize reads the credentials for one request.
func (p *endpoint) authorize() (credentials, error) {
	switch {
	case p.opts.Token != nil:
		token, err := readSecret("token", p.opts.Token)
		return credentials{token: token}, err
	case p.opts.Password != nil:
		password, err := readSecret("password", p.opts.Password)
		return credentials{username: p.opts.Username, password: password}, err
	default:
		return credentials{}, nil
	}
}

func readSecret(what string, read func() (string, error)) (string, error) {
	s, err := read()
	if err != nil {
		return "", &failure{code: codeCredentials, text: fmt.Sprintf("%s_file can't be read (%v): check its path and who may read it", what, err), cause: err}
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return "", fail(codeCredentials, "%s_file is empty: write the %s into it", what, what)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fail(codeCredentials, "%s_file holds a line break or another control character: write only the %s into it", what, what)
	}
	return s, nil
}
