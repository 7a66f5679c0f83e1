package cli

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"warden/internal/realtest/hostile"
	"warden/simulate/fakepager"
	"warden/simulate/fakeslack"
)

// moods are the ways in which everybody outside can answer badly, beside those in
// which a source can: in the words of Slack, PagerDuty and Grafana.
func moods(elsewhere string) map[string]func(w http.ResponseWriter, auth string) {
	say := func(status int, kind, text string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, auth string) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.ReplaceAll(text, "AUTH", auth))
		}
	}
	out := map[string]func(http.ResponseWriter, string){
		"a word that is no code": say(200, "application/json", `{"ok":false,"error":"AUTH","needed":"AUTH","response_metadata":{"messages":["AUTH"]}}`),
		"every field": say(200, "application/json", `{"ok":true,"team":"AUTH","user":"AUTH","url":"https://AUTH.example.net/","team_id":"AUTH","user_id":"AUTH","bot_id":"AUTH","channel":"AUTH","ts":"AUTH",`+
			`"usergroups":[{"handle":"AUTH","id":"AUTH"}],"channels":[{"id":"AUTH","name":"AUTH"}],"id":7,"message":"AUTH",`+
			`"incidents":[{"id":"AUTH","title":"AUTH","html_url":"https://AUTH.example.net/AUTH","created_at":"AUTH"}],"service":{"id":"AUTH","status":"AUTH"},"users":[{"email":"AUTH"}],"dedup_key":"AUTH"}`),
		"a user": say(200, "application/json", `{"ok":true,"team":"acme","user":{"id":"AUTH","team_id":"AUTH","profile":{"email":"AUTH"}},"team_id":"T1","user_id":"U1","url":"wss://127.0.0.1:1/AUTH","error":"AUTH"}`),
		"text":   say(200, "text/plain", "AUTH"),
		"a login page": func(w http.ResponseWriter, auth string) {
			w.Header().Set("Location", "https://"+url.PathEscape(auth)+".example.net/?session="+url.QueryEscape(auth))
			w.WriteHeader(http.StatusFound)
		},
		"wait for it": func(w http.ResponseWriter, auth string) {
			w.Header().Set("Retry-After", auth)
			say(http.StatusTooManyRequests, "application/json", `{"ok":false,"error":"ratelimited"}`)(w, auth)
		},
		"PagerDuty's own": say(400, "application/json", `{"status":"AUTH","message":"AUTH","error":{"code":2016,"message":"AUTH","errors":["AUTH"]},"errors":["AUTH"]}`),
		"a reason phrase": func(w http.ResponseWriter, auth string) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 403 "+auth+"\r\nX-OAuth-Scopes: "+auth+"\r\nContent-Length: 0\r\n\r\n")
		},
		"hangs up": func(w http.ResponseWriter, _ string) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.Close()
			}
		},
	}
	for _, code := range []int{302, 307} {
		out[fmt.Sprintf("moved (%d)", code)] = func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", elsewhere+"/api/auth.test")
			w.WriteHeader(code)
		}
	}
	for i, echo := range hostile.Echoes() {
		if i != 2 && i != 3 && i != 7 && i != 8 && (i < 10 || i > 14) { // those differ from others for a source alone
			out[fmt.Sprintf("echo %d", i)] = echo
		}
	}
	return out
}

// TestSecretsOfThoseWhoAreTold plants a secret in each key of the config that
// holds one for somebody who is told of something, has a daemon tell them all,
// honest or failing in each way there is, and looks for the secrets in all that
// comes out.
func TestSecretsOfThoseWhoAreTold(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		t.Errorf("a redirect was followed, with %v and %q", r.Header, body)
	}))
	t.Cleanup(elsewhere.Close)
	for name, bad := range moods(elsewhere.URL) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutside(t, bad)
			s := tell(t, o.server.URL, true)
			s.everybody(o.asked5)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		tell(t, gone.URL, true).everybody(nil)
	})
	t.Run("not trusted", func(t *testing.T) {
		t.Parallel()
		private := httptest.NewUnstartedServer(http.NotFoundHandler())
		private.Config.ErrorLog = log.New(io.Discard, "", 0)
		private.StartTLS()
		t.Cleanup(private.Close)
		tell(t, private.URL, false).everybody(nil)
	})
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		o := newOutside(t, nil)
		tell(t, strings.Replace(o.server.URL, "http:", "https:", 1), true).everybody(nil)
	})
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the other side has gone
			<-r.Context().Done()
		}))
		t.Cleanup(silent.Close)
		tell(t, silent.URL, true).everybody(nil)
	})
	for name, inFiles := range map[string]bool{"honest, of files": true, "honest, of the environment": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			honest(t, inFiles)
		})
	}
}

// asked5 reports whether everybody was asked.
func (o *outside) asked5() bool {
	for _, who := range []string{"slack", "pager", "hook", "grafana", "graphite"} {
		if o.times(who) == 0 {
			return false
		}
	}
	return true
}

// everybody has a daemon tell people of all it can, waits until each of them was
// tried, and looks into all that came out.
func (s *told) everybody(tried func() bool) {
	s.t.Helper()
	id := s.asks("web-2")
	s.gives("hold", "web-1", "1h", "--reason", hostile.Marker)
	s.gives("freeze", "--reason", hostile.Marker)
	s.gives("deny", id.String(), "--reason", "other")
	s.gives("label", id.String(), "wrong", "--note", hostile.Marker)
	s.gives("summary", "send")
	s.asks("web-3") // of the other PagerDuty may hear only when it is over, and then need not
	if tried == nil {
		tried = func() bool {
			for _, who := range []string{"slack", "pagerduty", "webhook/status-page", "annotations/grafana", "annotations/graphite"} {
				if !strings.Contains(s.logs.String(), `"people can't be told yet","surface":"`+who) {
					return false
				}
			}
			return true
		}
	}
	s.eventually("everybody was asked", tried)
	s.everything()
	s.holds()
}

// holds asserts that no secret came out, and that one would have been found.
func (s *told) holds() {
	s.t.Helper()
	var planted []hostile.Secret
	for _, secret := range plantedOutside() {
		planted = append(planted, secret)
	}
	for _, leak := range s.out.Leaks(planted) {
		s.t.Error(leak)
	}
	all := s.out.All()
	for _, where := range []string{"console", "logs", "warden show", "warden status", "warden audit", "the snapshot", "GET /api/v1/status"} {
		found := false
		for name, text := range all {
			found = found || strings.HasPrefix(name, where) && (strings.Contains(text, hostile.Marker) || where == "logs" && strings.Contains(text, "a person's request"))
		}
		if !found {
			s.t.Errorf("the marker is not in %s, so a secret would not have been found there", where)
		}
	}
	for name, text := range all {
		if strings.HasPrefix(name, "warden ") && strings.Contains(text, "unknown command") || strings.Contains(text, "unknown flag") {
			s.t.Errorf("%s is no command: %s", name, text)
		}
	}
}

// honest is a server that takes everything: what it was told holds no secret
// either, and every secret reached it.
func honest(t *testing.T, inFiles bool) {
	t.Helper()
	o := newOutside(t, nil)
	incident := o.pager.Raise("PWEB", fakepager.Alert{Summary: "web-2 is gone", Source: "web-2"})
	s := tell(t, o.server.URL, inFiles)
	s.eventually("a connection", func() bool { return len(o.slack.Connections()) == 1 })
	s.gives("hold", "web-1", "1h", "--reason", hostile.Marker)
	id := s.asks("web-2")
	s.eventually("the question in Slack, and the note on the incident", func() bool {
		asked := slices.ContainsFunc(o.slack.Messages(fakeslack.Ops), func(m fakeslack.Message) bool { return strings.Contains(string(m.Blocks), id.String()) })
		return asked && slices.ContainsFunc(o.pager.Incidents(), func(i fakepager.Incident) bool { return i.ID == incident && len(i.Notes) > 0 })
	})
	s.eventually("the incident's timeline", func() bool { return s.gives("show", "--incident", incident, "--out", "md") == ExitOK })
	s.gives("deny", id.String(), "--reason", "other")
	s.gives("label", id.String(), "wrong", "--note", hostile.Marker)
	s.gives("summary", "send")
	if _, err := o.slack.Slash(fakeslack.Fran, fakeslack.Ops, "status"); err != nil {
		t.Error(err)
	}
	s.eventually("everybody was told", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.came) >= 8 // not what signs: Slack's secret, and the webhook's
	})
	s.everything()
	for _, m := range o.slack.Messages(fakeslack.Ops) {
		s.out.Add("messages in Slack", m.Text+string(m.Blocks))
	}
	for _, who := range []string{"hook", "grafana", "graphite"} {
		o.mu.Lock()
		text := o.said[who]
		o.mu.Unlock()
		if s.out.Add("told to "+who, text); !strings.Contains(text, "{") {
			t.Errorf("%s was told nothing", who)
		}
	}
	for _, i := range o.pager.Incidents() {
		s.out.Add("incidents", fmt.Sprintf("%q %+v", i.Title, i.Notes))
	}
	s.holds()
}
