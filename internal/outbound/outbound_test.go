package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "999999": MaxRetryAfter, "soon": 0, "1e3": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {v}}, now); got != want {
			t.Errorf("%q: %s, want %s", v, got, want)
		}
	}
	// The server's own clock is what its date is meant by.
	h := http.Header{"Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)}, "Date": {now.Format(http.TimeFormat)}}
	if got := retryAfter(h, now.Add(-48*time.Hour)); got != time.Minute {
		t.Errorf("against the server's clock: %s", got)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/?session=PLANTED", code)
		}))
		r, err := client(t, Options{}).Send(t.Context(), http.MethodPost, s.URL, http.Header{"Authorization": {"Bearer PLANTED"}}, []byte("{}"))
		if err != nil || r.Status != code || r.OK() {
			t.Errorf("%d: %+v, %v", code, r.Status, err)
		}
		if said := r.Failure("the receiver").Error(); strings.Contains(said, "PLANTED") || !strings.Contains(said, strings.TrimPrefix(elsewhere.URL, "http://")) {
			t.Errorf("%d: %s", code, said)
		}
		s.Close()
	}
}

// A proxy comes from the options, never from the environment.
func TestProxyOnlyFromOptions(t *testing.T) {
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Host }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	r, err := client(t, Options{Proxy: proxy.URL}).Send(t.Context(), http.MethodPost, "http://receiver.invalid/x", nil, nil)
	if err != nil || !r.OK() {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := <-asked; got != "receiver.invalid" {
		t.Errorf("the proxy was asked for %q", got)
	}
	if _, err := client(t, Options{}).Send(t.Context(), http.MethodPost, "http://receiver.invalid/x", nil, nil); err == nil || !strings.Contains(err.Error(), "resolved") {
		t.Errorf("without a proxy: %v, want that the name can't be resolved", err)
	}
	for _, bad := range []string{"proxy:3128", "ftp://proxy", "http://", "socks5://u:PLANTED@h"} {
		if _, err := New(Options{Proxy: bad}); err == nil || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestWhyNoAnswer(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	private := httptest.NewTLSServer(http.NotFoundHandler())
	defer private.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	c := client(t, Options{})
	for address, want := range map[string]string{
		gone.URL: "connection refused", strings.Replace(plain.URL, "http:", "https:", 1): "does not speak TLS",
		private.URL: "certificate is not trusted", "http://PLANTED.invalid": "can't be resolved", "http://[::1": "can't be asked",
	} {
		_, err := c.Send(t.Context(), http.MethodPost, address+"/PLANTED", nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PLANTED") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	_, late := client(t, Options{Timeout: 50 * time.Millisecond}).Send(t.Context(), http.MethodGet, slow.URL, nil, nil)
	if f, ok := errors.AsType[*Failure](late); !ok || !strings.Contains(f.Error(), "in time") || f.Reason() != "timeout" {
		t.Errorf("slow: %v", late)
	}
	off, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Send(off, http.MethodGet, slow.URL, nil, nil); err == nil || !strings.Contains(err.Error(), "called off") {
		t.Errorf("called off: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(private.Certificate())
	if r, err := client(t, Options{TLS: &tls.Config{RootCAs: pool}}).Send(t.Context(), http.MethodGet, private.URL, nil, nil); err != nil || r.Status != 404 {
		t.Errorf("a trusted certificate: %+v, %v", r, err)
	}
}

func TestAnswersAreCut(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 4*MaxAnswer))
	}))
	defer s.Close()
	r, err := client(t, Options{}).Send(t.Context(), http.MethodGet, s.URL, nil, nil)
	if err != nil || len(r.Body) != MaxAnswer {
		t.Errorf("%d bytes, %v", len(r.Body), err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	reasons := map[int]string{401: "credential", 403: "credential", 404: "refused", 429: "rate_limited", 503: "trouble", 400: "refused", 301: "refused"}
	for status, want := range map[int]string{200: "", 204: "", 401: "credential", 403: "credential", 404: "nothing at this address", 429: "slow down", 503: "in trouble", 400: "refuses", 301: "redirects"} {
		err := Reply{Status: status, Body: []byte("PLANTED")}.Failure("Grafana")
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%d: %v, want %q", status, err, want)
		case err != nil && strings.Contains(err.Error(), "PLANTED"):
			t.Errorf("%d: %v repeats what the server said", status, err)
		}
		if f, ok := errors.AsType[*Failure](err); ok != (want != "") || ok && f.Reason() != reasons[status] {
			t.Errorf("%d: is %v, want the class %q", status, f, reasons[status])
		}
	}
}
