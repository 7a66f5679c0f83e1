package pager

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"warden/internal/chat"
	"warden/internal/outbound"
)

const (
	// askWithin bounds one call, in real time: sockets live in that.
	askWithin = 10 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 8 << 20
	// eventsPause is what PagerDuty advises between two tries after a 429 that
	// doesn't say how long.
	eventsPause = 30 * time.Second
	// refusedPause is how long PagerDuty is left alone when it doesn't let warden
	// in: somebody has to mend that first.
	refusedPause = 5 * time.Minute
	// maxPause bounds what an answer may ask for.
	maxPause = 15 * time.Minute
)

// trouble is why a call came to nothing, in words that hold nothing of what was
// sent or answered: either may hold a secret.
type trouble struct {
	text  string
	again bool          // it may work another time
	wait  time.Duration // how long PagerDuty asked to be left alone
	code  int           // PagerDuty's own code; 0 for none
	class chat.Reason
	half  half
	wide  bool // whatever is asked of that half would meet it
	// unclear says that the call may have been carried out: it may have left whole, and
	// what came back doesn't say.
	unclear bool
}

func (t *trouble) Error() string { return t.text }

// Reason is the class by which attempts are counted: see chat.ReasonOf.
func (t *trouble) Reason() string { return string(t.class) }

// api calls PagerDuty. One is good for one delivery.
type api struct {
	c   *Pager
	s   *Settings
	err struct{ rest, events error } // why a secret can't be read
	// rest and events are nil where there is no key for them.
	rest, events *pagerduty.Client
	key          string
}

// open reads the secrets.
func (a *api) open(c *Pager, s *Settings) {
	a.c, a.s = c, s
	if s.Token != nil {
		token, err := s.Token()
		if a.err.rest = err; err == nil {
			a.rest = a.client(token)
		}
	}
	if s.RoutingKey != nil {
		if a.key, a.err.events = s.RoutingKey(); a.err.events == nil {
			a.events = a.client("")
		}
	}
}

// spare takes away a half that is left alone: it is then as one whose key can't be
// read.
func (a *api) spare(now time.Time) {
	if a.c.alone.resting(halfREST.key(), now) && a.rest != nil {
		a.rest, a.err.rest = nil, errResting
	}
	if a.c.alone.resting(halfEvents.key(), now) && a.events != nil {
		a.events, a.err.events = nil, errResting
	}
}

func (a *api) client(token string) *pagerduty.Client {
	var opts []pagerduty.ClientOptions
	if a.s.APIURL != "" {
		opts = append(opts, pagerduty.WithAPIEndpoint(a.s.APIURL))
	}
	if a.s.EventsURL != "" {
		opts = append(opts, pagerduty.WithV2EventsAPIEndpoint(a.s.EventsURL))
	}
	client := pagerduty.NewClient(token, opts...)
	client.HTTPClient = a.c.http
	return client
}

// canRead reports whether there is a key for the REST API, or why it can't be
// read.
func (a *api) canRead() (bool, error) { return a.rest != nil, a.err.rest }

// canSend is the same for events.
func (a *api) canSend() (bool, error) { return a.events != nil, a.err.events }

// call makes one call, and says in words of its own why it failed.
func call[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	seen := &sighting{}
	got, err := do(context.WithValue(ctx, sightingKey{}, seen))
	if err == nil {
		return got, nil
	}
	code := 0
	if e, ok := errors.AsType[pagerduty.APIError](err); ok && e.APIError.Valid {
		code = e.APIError.ErrorObject.Code
	}
	return got, seen.explain(ctx, code)
}

// errWrong stands for an answer that is ok and can't be right.
var errWrong = errors.New("the answer is not PagerDuty's")

// right holds an answer to what it has to say: one that is ok and says something else
// has done nothing, and is no receipt.
func right[T any](got T, err error, is func(T) bool) (T, error) {
	if err == nil && !is(got) {
		err = errWrong
	}
	return got, err
}

// sighting is what the transport saw of a call, since the library keeps neither
// headers nor causes.
type sighting struct {
	status int
	wait   time.Duration
	err    error
	events bool
	// sent says that the request may have left whole.
	sent atomic.Bool
}

type sightingKey struct{}

// statusOf is the status that a call of this context was answered with.
func statusOf(ctx context.Context) int {
	if seen, ok := ctx.Value(sightingKey{}).(*sighting); ok {
		return seen.status
	}
	return 0
}

// watcher notes what comes back, and bounds it.
type watcher struct{ next http.RoundTripper }

func (w watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	seen, _ := r.Context().Value(sightingKey{}).(*sighting)
	if seen == nil {
		return w.next.RoundTrip(r)
	}
	seen.events = r.Header.Get("Authorization") == ""
	resp, err := w.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { seen.sent.Store(true) }, // before any of it leaves; WroteRequest may come after the answer
	})))
	if err != nil {
		seen.err = err
		return nil, err
	}
	seen.status = resp.StatusCode
	for _, name := range []string{"Retry-After", "ratelimit-reset"} {
		if n, err := strconv.Atoi(resp.Header.Get(name)); err == nil && n > 0 {
			seen.wait = max(seen.wait, min(time.Duration(min(n, int(maxPause/time.Second)))*time.Second, maxPause))
		}
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusAccepted {
		seen.wait = 0 // every answer says when the window ends
	}
	// What is answered is noted, linked and shown: not with the key in it.
	if err := outbound.Scrub(resp, maxAnswer, outbound.Credentials(r.Header)...); err != nil {
		seen.status, seen.err = 0, err
		return nil, err
	}
	return resp, nil
}

// The codes that are about who writes.
const (
	codeUserNotFound = 1008
	codeBadFrom      = 1028
	codeNoFrom       = 2016
	codeResolved     = 1001
)

// explain says why a call failed and whether another try may help.
func (s *sighting) explain(ctx context.Context, code int) *trouble {
	t := &trouble{code: code, wait: s.wait, class: chat.ReasonRefused}
	if s.events {
		t.half = halfEvents
	}
	t.wide = s.status == 0 || s.status == http.StatusTooManyRequests || s.status == http.StatusUnauthorized || s.status == http.StatusPaymentRequired ||
		code == codeUserNotFound || code == codeBadFrom || code == codeNoFrom
	t.unclear = s.status == 0 && s.sent.Load() || s.status/100 == 2
	switch {
	case s.status == 0:
		t.again, t.text, t.class = true, network(ctx, s.err), chat.ReasonUnreachable
		if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(s.err, context.DeadlineExceeded) {
			t.class = chat.ReasonTimeout
		}
	case s.status == http.StatusTooManyRequests:
		t.class = chat.ReasonRateLimited
		t.again, t.text = true, "PagerDuty wants fewer calls (429); what is left is sent later"
		if t.wait == 0 {
			t.wait = eventsPause
		}
	case s.status >= 500 || s.status == http.StatusRequestTimeout:
		t.class = chat.ReasonTrouble
		t.again, t.text = true, fmt.Sprintf("PagerDuty has trouble of its own (status %d); it is tried again", s.status)
	case s.status/100 == 2:
		t.class = chat.ReasonError
		t.again, t.text = true, "the answer is not PagerDuty's: look for a proxy or a login page on the way to it, and at api_url and events_url"
	case s.status == http.StatusUnauthorized, s.status == http.StatusForbidden, s.status == http.StatusPaymentRequired:
		t.again, t.wait, t.class = true, refusedPause, chat.ReasonCredential
		if s.events {
			t.text = fmt.Sprintf("PagerDuty does not let the event in (status %d): check pagerduty.routing_key_file, and look for a proxy on the way that asks who warden is", s.status)
			break
		}
		t.text = fmt.Sprintf("PagerDuty does not let warden in (status %d): put a REST API key that may write into pagerduty.api_token_file", s.status)
	case code == codeUserNotFound, code == codeBadFrom, code == codeNoFrom:
		t.again, t.wait, t.class = true, refusedPause, chat.ReasonCredential
		t.text = fmt.Sprintf("PagerDuty does not know who writes (code %d): make pagerduty.from_email the e-mail address of a user of the account", code)
	case s.status == http.StatusBadRequest && s.events:
		t.text = "PagerDuty refuses the event (status 400): check that pagerduty.routing_key_file holds the key of an Events API v2 integration of a service that is there"
	case s.status == http.StatusNotFound:
		t.text = "PagerDuty has no such incident (status 404): check pagerduty.services, and that nobody merged or deleted it"
	case s.status/100 == 3:
		t.text = fmt.Sprintf("PagerDuty's address redirects (status %d), and keys go nowhere else: remove api_url and events_url, or write the final address", s.status)
	default:
		t.text = fmt.Sprintf("PagerDuty refuses the call (status %d, code %d): see its page about errors, and report it when it is warden's", s.status, code)
	}
	return t
}

// network words why there was no answer. Nothing of the error itself is used:
// a proxy's may hold a password.
func network(ctx context.Context, err error) string {
	_, isDNS := errors.AsType[*net.DNSError](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "the call to PagerDuty was called off; it is tried again"
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "no answer from PagerDuty in time: check the way out of this network, and HTTPS_PROXY if there is a proxy"
	case isDNS:
		return "PagerDuty's name can't be resolved: check DNS"
	case isCert:
		return "the certificate that answers for PagerDuty is not trusted: check this machine's CAs and clock, and what is on the way"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection to PagerDuty is refused: check the way out of this network"
	}
	return "the call to PagerDuty failed on the way: check the way out of this network, and HTTPS_PROXY if there is a proxy"
}

// newTransport makes connections that carry calls to PagerDuty and nothing else.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: askWithin}).DialContext, ForceAttemptHTTP2: true,
		MaxIdleConns: 2, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: askWithin, MaxResponseHeaderBytes: 64 << 10,
	}
}

// newClient makes a client that follows no redirect: it would carry the key
// along.
func newClient(next http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     watcher{next},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CloseIdleConnections of the transport below, for http.Client to find.
func (w watcher) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
