package slack_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat/slack"
	"warden/internal/doctor"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// What doctor says of Slack, against the fake that holds to its rules; and that it
// posts nothing, joins nothing and opens nothing.
func TestChecks(t *testing.T) {
	t.Parallel()
	secret := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	everybody := []remedy.Approver{
		{Match: "sam", Email: "alice@example.net"}, {Match: "slack:@oncall-ops"}, {Match: "bob@example.net"}, {Match: "slack:" + fakeslack.Fran},
		{Match: "@unix-group"}, {Match: "slack:@oncall-ops"},
	}
	well := []string{"ok bot_token", "ok scopes", "ok app_token", "ok #ops"}
	known := []string{"ok alice@example.net", "ok slack:@oncall-ops", "ok bob@example.net", "ok slack:U0FRAN"}
	for name, test := range map[string]struct {
		before    func(*fakeslack.Server)
		change    func(*slack.Settings)
		approvers []remedy.Approver
		want      []string
	}{
		"well": {approvers: everybody, want: append(well[:4:4], known...)},
		"scopes are missing": {
			before: func(f *fakeslack.Server) { f.Grant("chat:write", "users:read", "commands") }, approvers: everybody,
			want: []string{
				"ok bot_token", "fail scope users:read.email: it is missing: approvers by e-mail", "fail scope usergroups:read: it is missing: approvers by user group", "fail scope app_mentions:read",
				"fail scope channels:read", "fail scope groups:read",
				"ok app_token", "unknown channels: the app may not list channels", "fail alice@example.net: Slack says missing_scope", "fail slack:@oncall-ops: Slack says missing_scope",
				"fail bob@example.net: Slack says missing_scope", "ok slack:U0FRAN",
			},
		},
		"channels": {
			before: func(f *fakeslack.Server) { f.Archive(fakeslack.Incident) },
			change: func(s *slack.Settings) {
				s.Channels = map[remedy.PoolName]string{"a": "#incident", "b": "#random", "c": "#secret", "d": "#nowhere"}
				s.Summary = "#ops"
			},
			want: []string{
				"ok bot_token", "ok scopes", "ok app_token", "fail #incident: it is archived", "fail #nowhere: there is no such channel", "ok #ops",
				"fail #random: the app is not in it", "fail #secret: there is no such channel, or it is private",
			},
		},
		"people": {
			approvers: []remedy.Approver{{Match: "slack:@old-ops"}, {Match: "slack:@nobody"}, {Match: "zoe@example.net"}, {Match: "slack:" + fakeslack.Gus}, {Match: "slack:" + fakeslack.Dora}, {Match: "slack:UNOBODY"}},
			want: append(well[:4:4], "fail slack:@old-ops: there is no such user group", "fail slack:@nobody: there is no such user group", "warn zoe@example.net: nobody in Slack has it",
				"warn slack:U0GUS: it is a bot, a guest", "warn slack:U0DORA: it is a bot, a guest", "warn slack:UNOBODY: nobody in Slack has it"),
		},
		"revoked":  {before: func(f *fakeslack.Server) { f.Revoke("xoxb-fake") }, want: []string{"fail bot_token: Slack says account_inactive"}},
		"no app":   {before: func(f *fakeslack.Server) { f.Revoke("xapp-fake") }, want: []string{"ok bot_token", "ok scopes", "fail app_token: Slack says account_inactive", "ok #ops"}},
		"no token": {change: func(s *slack.Settings) { s.BotToken = secret("") }, want: []string{"fail bot_token: there is no bot token"}},
		"unreadable": {change: func(s *slack.Settings) {
			s.BotToken = func() (string, error) { return "", errors.New("the secret's file can't be read") }
		}, want: []string{"fail bot_token: the secret's file can't be read"}},
		"no network": {change: func(s *slack.Settings) { s.APIURL = "http://127.0.0.1:1/" }, want: []string{"fail bot_token: the connection to Slack is refused"}},
		"over HTTP":  {change: func(s *slack.Settings) { s.HTTP, s.SigningSecret = true, secret("of a test") }, want: []string{"ok bot_token", "ok scopes", "ok signing_secret", "ok #ops"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ws := fakeslack.Example()
			f, err := fakeslack.New(fakeslack.Options{Workspace: &ws})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(f.Close)
			if test.before != nil {
				test.before(f)
			}
			set := slack.Settings{APIURL: f.URL() + "/api/", BotToken: secret("xoxb-fake"), AppToken: secret("xapp-fake"), Channel: "#ops"}
			if test.change != nil {
				test.change(&set)
			}
			var words []string
			for _, r := range slack.Checks(set, test.approvers, nil)[0].Run(t.Context()) {
				if (r.Status != doctor.OK) != (r.Fix != "") || strings.Contains(r.Seen+r.Fix, "xoxb-fake") || strings.Contains(r.Seen+r.Fix, "xapp-fake") {
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
			if len(f.Everything()) != 0 || len(f.Connections()) != 0 {
				t.Errorf("it left %v, %v", f.Everything(), f.Connections())
			}
		})
	}
}

// The app that the manifest makes may do what warden does and no more, and so may
// the app of the fake, which demo and tests run with.
func TestScopesOfTheManifest(t *testing.T) {
	t.Parallel()
	var want []string
	for _, one := range slack.Scopes() {
		want = append(want, one[0])
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(fakeslack.DefaultScopes())); !slices.Equal(got, want) {
		t.Errorf("the fake's app has %q, and the manifest asks for %q", got, want)
	}
}
