package heartbeat

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"warden/internal/clock"
)

// A watcher that fails is logged once and counted; the address stays inside.
func TestFailures(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect to another host was followed, with %v", r.Header)
	}))
	defer elsewhere.Close()
	hijack := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.Write([]byte(text)) // the client says what came of it
			_ = conn.Close()
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"404":      func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.Path, http.StatusNotFound) },
		"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"another":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"the same": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"no address": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "://"+secretPath)
			w.WriteHeader(302)
		},
		"not HTTP":    hijack(secretPath + "\r\n\r\n"),
		"bad header":  hijack("HTTP/1.1 200 OK\r\n" + secretPath + "\r\n\r\n"),
		"cut off":     hijack(""),
		"long header": hijack("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatcher(t)
			w.answers(answer)
			p := newPulse(t, clock.NewStepped(start), everyMinute(w))
			p.run()
			p.pass(3)
			if testutil.ToFloat64(p.meters.failed) != 3 || testutil.ToFloat64(p.meters.sent) != 0 || testutil.ToFloat64(p.meters.last) != 0 {
				t.Errorf("%v failed, %v sent", testutil.ToFloat64(p.meters.failed), testutil.ToFloat64(p.meters.sent))
			}
			w.answers(func(http.ResponseWriter, *http.Request) {})
			p.pass(2)
			lines := p.logs.All()
			if len(lines) != 2 || lines[0].Level != zap.WarnLevel || lines[1].Level != zap.InfoLevel {
				t.Errorf("%d lines for three failures and two successes: %v", len(lines), lines)
			}
			for _, l := range lines {
				for _, f := range l.Context {
					if said := l.Message + f.String + errorText(f.Interface); strings.Contains(said, "PLANTED") || strings.Contains(said, w.URL) {
						t.Errorf("the address came out: %s", said)
					}
				}
			}
		})
	}
}

func errorText(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return ""
}

// Redirects within the host are followed, and nobody is told from where.
func TestRedirectWithinTheHost(t *testing.T) {
	t.Parallel()
	var got atomic.Pointer[http.Header]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/"+secretPath {
			http.Redirect(w, r, "/moved", http.StatusMovedPermanently)
			return
		}
		h := r.Header.Clone()
		got.Store(&h)
	}))
	defer s.Close()
	if err := get(t.Context(), newClient(newTransport()), s.URL+"/"+secretPath); err != nil {
		t.Error(err)
	}
	if h := got.Load(); h == nil || h.Get("Referer") != "" {
		t.Errorf("headers at the new place: %v", h)
	}
}

// Nobody is there, nobody has the name, no TLS, a certificate of nobody's: each
// in words, without the address.
func TestWhyNoAnswer(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	private := httptest.NewTLSServer(http.NotFoundHandler())
	private.Config.ErrorLog = nil
	defer private.Close()
	for address, want := range map[string]string{
		gone.URL: "connection refused", strings.Replace(plain.URL, "http:", "https:", 1): "does not speak TLS",
		private.URL: "certificate is not trusted", "http://PLANTED.invalid": "can't be resolved",
		"http://[::1": "can't be asked",
	} {
		err := get(t.Context(), newClient(newTransport()), address+"/"+secretPath)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PLANTED") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}
