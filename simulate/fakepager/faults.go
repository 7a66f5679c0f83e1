package fakepager

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Trouble is a way to fail.
type Trouble string

// The ways to fail. All but the lies happen before the call has any effect,
// unless the fault says After.
const (
	RateLimited Trouble = "429"     // too many requests, with Wait until it is over
	Unavailable Trouble = "503"     // a server's error
	Silent      Trouble = "timeout" // no answer, until the caller hangs up
	Cut         Trouble = "cut"     // the connection ends without an answer
	HTML        Trouble = "html"    // 200 and a page of somebody between
	Garbled     Trouble = "garbled" // 200 and half a JSON document
	Gone        Trouble = "403"     // the key was taken back
	Revoked     Trouble = "401"     // the key is none any more
	Lies        Trouble = "lies"    // events are accepted and forgotten, lists are empty
	Hollow      Trouble = "hollow"  // whatever is asked for is answered with success and {}, and not done
	Slow        Trouble = "slow"    // it works, after Wait
)

// Fault has the server fail.
type Fault struct {
	Trouble Trouble
	// Path is what the paths begin with that fail; empty for all.
	Path string
	// Times is how often; 0 for until Mend.
	Times int
	// Wait is what a 429 says, without which it has no header, as may happen; and how
	// long Slow takes.
	Wait time.Duration
	// After has the call take effect first, so that only its answer is lost: for
	// Silent and Cut.
	After bool
}

// Trip has the server fail from now on.
func (s *Server) Trip(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Become has the server fail in these ways and in no others, with no moment between
// in which it works.
func (s *Server) Become(all ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	for i := range all {
		s.faults = append(s.faults, &all[i])
	}
}

// Mend ends all faults.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// tripped is the fault that a call meets, or nil, and counts it.
func (s *Server) tripped(path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !strings.HasPrefix(path, f.Path) {
			continue
		}
		hit := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return &hit
	}
	return nil
}

// fail answers as the fault says. It reports whether that was all.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Fault) bool {
	if f.After {
		s.mux.ServeHTTP(discard{http.Header{}}, r)
	}
	switch f.Trouble {
	case RateLimited:
		if f.Wait > 0 {
			rateHeaders(w.Header(), restPerMin, 0, f.Wait)
		}
		writeError(w, http.StatusTooManyRequests, 2020, "Rate Limit Exceeded")
	case Unavailable:
		http.Error(w, "upstream connect error", http.StatusServiceUnavailable)
	case Silent:
		hearOut(r)
		<-r.Context().Done()
	case Cut:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close() // that is the point
		}
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body><h1>Sign in to the guest network</h1></body></html>"))
	case Garbled:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"incidents":[{"id":"Q0`))
	case Gone:
		writeError(w, http.StatusForbidden, 2010, "Access Denied")
	case Revoked:
		writeError(w, http.StatusUnauthorized, 2006, "You are not authorized to perform this action")
	case Hollow:
		status := http.StatusOK
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			status = http.StatusAccepted
		}
		writeJSON(w, status, map[string]any{})
	case Slow:
		hearOut(r)
		select {
		case <-s.Clock.After(f.Wait):
			return false
		case <-r.Context().Done():
		}
	case Lies:
		switch {
		case strings.HasPrefix(r.URL.Path, "/v2/"):
			writeJSON(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": "lost"})
		case r.Method == http.MethodGet:
			writeJSON(w, http.StatusOK, map[string]any{"incidents": []any{}, "alerts": []any{}, "notes": []any{}, "users": []any{}, "limit": defaultPage, "offset": 0, "more": false})
		default:
			return false
		}
	}
	return true
}

// hearOut reads what was sent, and keeps it: while there is something to read, a
// server doesn't see that its caller hung up.
func hearOut(r *http.Request) {
	if body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1)); err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
}

// discard is an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
