package pager

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/doctor"
	"warden/simulate/fakepager"
)

// What doctor says of PagerDuty, against the fake that holds to its rules; and
// that it makes nothing there.
func TestChecks(t *testing.T) {
	t.Parallel()
	right := func() (string, error) { return token, nil }
	for name, test := range map[string]struct {
		change func(*Settings)
		want   []string
	}{
		"well": {func(*Settings) {}, []string{"ok service PINGEST", "ok from_email", "ok routing_key"}},
		"no such service": {func(s *Settings) { s.Services = []string{"PNOWHERE", "PINGEST"} }, []string{
			"fail service PNOWHERE: the account has no such service", "ok service PINGEST", "ok from_email", "ok routing_key",
		}},
		"nobody": {func(s *Settings) { s.From = "nobody@example.net" }, []string{"ok service PINGEST", "fail from_email: nobody@example.net is not a user of this account: notes would fail (1008)", "ok routing_key"}},
		"another key": {func(s *Settings) { s.Token = func() (string, error) { return "PLANTEDu+OTHER", nil } }, []string{
			"fail service PINGEST: PagerDuty does not let warden in (status 401)", "ok routing_key",
		}},
		"no key": {func(s *Settings) { s.Token, s.RoutingKey = nil, nil }, []string{"warn api_token: there is none", "warn routing_key: there is none"}},
		"not to be read": {func(s *Settings) {
			s.Token = func() (string, error) { return "", errors.New("the secret's file can't be read") }
			s.RoutingKey = s.Token
		}, []string{"fail api_token: the secret's file can't be read", "fail routing_key: the secret's file can't be read"}},
		"a ruleset's key": {func(s *Settings) {
			s.ChangeEvents, s.RoutingKey = true, func() (string, error) { return "R" + key[1:], nil }
		}, []string{"ok service PINGEST", "ok from_email", "warn routing_key: it begins with R"}},
		"unreachable": {func(s *Settings) { s.APIURL = "http://127.0.0.1:1" }, []string{"fail service PINGEST: the connection to PagerDuty is refused", "ok routing_key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk := clock.NewStepped(began)
			pd := fakepager.New(fakepager.Options{
				Clock: clk, Token: token, Users: []fakepager.User{{ID: "U1", Name: "Warden", Email: email}},
				Services: []fakepager.Service{{ID: "PINGEST", Name: "ingest", Keys: []string{key}}},
			})
			web := httptest.NewServer(pd)
			t.Cleanup(web.Close)
			s := Settings{APIURL: web.URL, EventsURL: web.URL, From: email, Services: []string{"PINGEST"}, Token: right, RoutingKey: func() (string, error) { return key, nil }}
			test.change(&s)
			got := New(Options{Clock: clk, Logger: zap.NewNop()}).Checks(s)[0].Run(t.Context())
			var words []string
			for _, r := range got {
				if (r.Status != doctor.OK) != (r.Fix != "") || strings.Contains(r.Seen+r.Fix, "PLANTED") {
					t.Errorf("%+v", r)
				}
				word := string(r.Status) + " " + r.Subject
				if r.Status != doctor.OK {
					word += ": " + r.Seen
				}
				words = append(words, word)
			}
			if len(words) != len(test.want) {
				t.Fatal(cmp.Diff(test.want, words))
			}
			for i, w := range test.want {
				if !strings.HasPrefix(words[i], w) {
					t.Errorf("%q, want %q", words[i], w)
				}
			}
			if len(pd.Incidents())+len(pd.Changes()) != 0 {
				t.Error("it made something")
			}
		})
	}
}
