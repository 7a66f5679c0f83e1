package fakepager

import (
	"net/http"
	"strconv"
	"time"
)

// window is what a rate counts back over.
const window = time.Minute

// spend counts a call against a limit, unless that is reached. It returns how
// many are left and when the oldest that counts no longer does.
func (s *Server) spend(who string, most int) (left int, reset time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, kept := s.Clock.Now(), s.calls[who][:0]
	for _, at := range s.calls[who] {
		if now.Sub(at) < window {
			kept = append(kept, at)
		}
	}
	ok = len(kept) < most
	if ok {
		kept = append(kept, now)
	}
	s.calls[who] = kept
	return most - len(kept), window - now.Sub(kept[0]), ok
}

// rateHeaders says in an answer how much is left.
func rateHeaders(h http.Header, most, left int, reset time.Duration) {
	h.Set("ratelimit-limit", strconv.Itoa(most))
	h.Set("ratelimit-remaining", strconv.Itoa(left))
	h.Set("ratelimit-reset", strconv.Itoa(int((reset+time.Second-1)/time.Second)))
}
