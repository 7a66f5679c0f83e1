package source

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"warden/internal/remedy"
)

// The limits that apply where Options leaves them at 0.
const (
	DefaultTimeout   = 5 * time.Second // a third of the shortest sensible interval
	DefaultMaxBytes  = 64 << 20        // some 500,000 series of one point each
	DefaultMaxSeries = 200_000         // twice the largest fleet that warden is measured with
)

// Options says where a Prometheus is and how to ask it. Everything but Name and
// URL may be left out.
type Options struct {
	// Name is what config, metrics and errors call the source.
	Name remedy.SourceName
	// URL is the address of the server, with a path prefix if it has one, such
	// as "https://mimir.example.net/prometheus". Credentials in it are refused.
	URL string
	// Token returns the bearer token. It is called for every request, so that a
	// token that was rotated in its file is used at once. Its errors are shown
	// to people and must not hold the token.
	Token func() (string, error)
	// Username and Password are for basic authentication, instead of Token.
	Username string
	Password func() (string, error)
	// TLS is how to talk to https addresses; nil means the system's
	// certificate authorities. It is cloned; TLS 1.2 is the least accepted.
	TLS *tls.Config
	// Timeout bounds one query from first to last byte, in real time; it is
	// passed to the server as well, so that it gives up too.
	Timeout time.Duration
	// MaxBytes caps the answer's body after decompression, in bytes.
	MaxBytes int64
	// MaxSeries caps the number of series in one answer.
	MaxSeries int
	// Transport replaces the HTTP transport, for tests; TLS is ignored then.
	Transport http.RoundTripper
	// Metrics counts the requests; nil means that nobody does.
	Metrics *Metrics
}

// complete checks the options and fills in defaults. Its errors never repeat
// the URL, which may hold a credential.
func (o Options) complete() (Options, *url.URL, error) {
	if o.Name == "" {
		return o, nil, errors.New("a source needs a name")
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return o, nil, o.wrong("url is not an address: write it as https://host:port or https://host/prefix")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return o, nil, o.wrong("url holds more than scheme, host and path: put credentials into token_file, or username and password_file")
	}
	if o.Token != nil && (o.Username != "" || o.Password != nil) {
		return o, nil, o.wrong("both a token and a username or password are given: choose one")
	}
	if (o.Username != "") != (o.Password != nil) {
		return o, nil, o.wrong("basic authentication needs both username and password_file")
	}
	if strings.ContainsAny(o.Username, ":\r\n") {
		return o, nil, o.wrong("username holds a colon or a line break, which basic authentication can't carry")
	}
	if o.Timeout < 0 || o.MaxBytes < 0 || o.MaxSeries < 0 {
		return o, nil, o.wrong("timeout and caps must not be negative: leave them out for the defaults")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = DefaultMaxSeries
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.TLS)
	}
	return o, u, nil
}

func (o Options) wrong(text string) error { return fmt.Errorf("source %s: %s", o.Name, text) }

// newTransport makes a transport that goes straight to the server. The proxy
// settings of the environment are ignored on purpose: whether a host is judged
// bad must not depend on a variable that somebody's shell had set.
func newTransport(conf *tls.Config) *http.Transport {
	if conf == nil {
		conf = &tls.Config{}
	}
	conf = conf.Clone()
	conf.MinVersion = max(conf.MinVersion, tls.VersionTLS12)
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    defaultParallel,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}
