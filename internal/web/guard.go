package web

import (
	"encoding/json"
	"net"
	"net/http"

	"go.uber.org/zap"
)

// common is what both listeners put before everything else: bounded bodies,
// and nothing that another site's page made a browser send.
func (s *surface) common(h http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, problem(http.StatusForbidden, CodeCrossSite, "another site's page sent this request: use the command line"))
	}))
	h = cross.Handler(h)
	small, large := http.MaxBytesHandler(h, maxBody), http.MaxBytesHandler(h, maxSnapshot)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := small
		if r.Method == http.MethodPost && r.URL.Path == "/api/v1"+snapshotPath {
			h = large
		}
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// guarded is what TCP puts before that: it only reads, and only for callers
// that call it by a name of this machine. A page elsewhere can point its own
// name at 127.0.0.1, but it can't keep that name out of the Host header.
func (s *surface) guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		reload := s.Lifecycle && r.URL.Path == reloadPath
		switch {
		case !loopbackHost(host):
			s.fail(w, problem(http.StatusForbidden, CodeCrossSite, "this address is called 127.0.0.1 or localhost and nothing else: use one of them"))
		case r.Method != http.MethodGet && r.Method != http.MethodHead && !reload:
			s.fail(w, problem(http.StatusForbidden, CodeReadOnly, "this address only reads, since it can't tell who asks: use the unix socket "+s.Socket))
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// fail answers with a problem.
func (s *surface) fail(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		s.Logger.Debug("an answer could not be written", zap.Error(err))
	}
}
