package hostile

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"strings"
	"sync"
)

// Secret is one that a test planted: what it is, in words, and its value.
type Secret struct{ What, Value string }

// Forms are the ways in which a secret can come out: as it is, escaped, encoded,
// and cut at either end.
func (s Secret) Forms() []string {
	v := s.Value
	inJSON, err := json.Marshal(v)
	if err != nil {
		panic(err) // a string always has JSON
	}
	return []string{
		v, url.QueryEscape(v), url.PathEscape(v), strings.Trim(string(inJSON), `"`), strings.Trim(fmt.Sprintf("%q", v), `"`), html.EscapeString(v),
		hex.EncodeToString([]byte(v)), base64.StdEncoding.EncodeToString([]byte(v)), base64.RawStdEncoding.EncodeToString([]byte(v)),
		base64.URLEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)),
		base64.StdEncoding.EncodeToString([]byte("fran:" + v)), v[:len(v)-1], v[1:],
	}
}

// Seen is everything that came out, by where. It is safe for concurrent use.
type Seen struct {
	mu  sync.Mutex
	out map[string]string
}

// Add notes what came out somewhere.
func (s *Seen) Add(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		s.out = map[string]string{}
	}
	s.out[where] += text + "\n"
}

// All is what came out by now, by where.
func (s *Seen) All() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.out))
	maps.Copy(out, s.out)
	return out
}

// Leaks says which secrets came out, as what, where, and beside what.
func (s *Seen) Leaks(planted []Secret) []string {
	var leaks []string
	for where, text := range s.All() {
		for _, secret := range planted {
			for _, form := range secret.Forms() {
				if i := strings.Index(text, form); i >= 0 {
					leaks = append(leaks, fmt.Sprintf("%s came out as %q in %s: …%q…", secret.What, form, where, text[max(0, i-160):min(len(text), i+len(form)+80)]))
					break
				}
			}
		}
	}
	return leaks
}
