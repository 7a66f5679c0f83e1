package heartbeat

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	// maxRedirects is how many redirects within the host are followed.
	maxRedirects = 3
	// maxAnswer is how much of an answer is read, so that the connection can be
	// used again.
	maxAnswer = 64 << 10
)

// errCalledOff reports that the context ended, and not for its deadline.
var errCalledOff = errors.New("called off")

// errElsewhere reports a redirect that is not followed.
var errElsewhere = errors.New("it redirects to another host, and a credential goes to none but its own: put the final address into url_file")

// newTransport makes connections that carry a heartbeat and nothing else.
func newTransport() *http.Transport {
	return &http.Transport{
		// A watcher outside is often reached through a proxy only.
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: askWithin}).DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    askWithin,
		MaxResponseHeaderBytes: maxAnswer,
	}
}

func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			first := via[0].URL
			switch {
			case len(via) > maxRedirects:
				return http.ErrUseLastResponse
			case r.URL.Host != first.Host, r.URL.Scheme != first.Scheme:
				return errElsewhere
			}
			r.Header.Del("Referer") // it would hold the address
			return nil
		},
	}
}

// get asks the address once and wants a status of 2xx.
func get(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return errors.New("what url_file refers to can't be asked: write the whole address that the watcher gave")
	}
	req.Header.Set("User-Agent", "warden")
	resp, err := client.Do(req)
	if err != nil {
		return explain(ctx, err)
	}
	defer resp.Body.Close()
	// What it says is of no interest, and may repeat the address.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answers with status %d: check that the address in url_file is still the watcher's", resp.StatusCode)
	}
	return nil
}

// explain says in words why no answer came. Nothing of the error itself is
// used: it may hold the address, or what the server said.
func explain(ctx context.Context, err error) error {
	_, isDNS := errors.AsType[*net.DNSError](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, errElsewhere):
		return errElsewhere
	case errors.Is(ctx.Err(), context.Canceled):
		return errCalledOff
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time: check the way out of this network, and HTTPS_PROXY if there is a proxy")
	case isDNS:
		return errors.New("its name can't be resolved: check DNS, and the host in url_file")
	case isCert:
		return errors.New("its certificate is not trusted: check this machine's CAs and clock, and the host in url_file")
	case isTLS, errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("it does not speak TLS: write http:// in url_file, or put TLS in front of it")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused: check the way out of this network, and the host and port in url_file")
	default:
		return errors.New("the request failed: check the way out of this network, and the address in url_file")
	}
}
