package config

import (
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"warden/internal/remedy"
)

// Chat is the [chat] table: where people talk.
type Chat struct {
	Slack Slack `toml:"slack"`
}

// Slack is the [chat.slack] table.
type Slack struct {
	Enabled bool `toml:"enabled"`
	// Mode is how clicks get here: over a socket that warden opens, or to an
	// address of its own.
	Mode string `toml:"mode" oneof:"socket http"`
	// BotTokenFile (xoxb-) is always needed, AppTokenFile (xapp-) for the socket, and
	// SigningSecretFile for HTTP.
	BotTokenFile      SecretRef `toml:"bot_token_file"`
	AppTokenFile      SecretRef `toml:"app_token_file"`
	SigningSecretFile SecretRef `toml:"signing_secret_file"`
	// Channel is where people are told, Channels where those of a pool are.
	Channel  string                     `toml:"channel"`
	Channels map[remedy.PoolName]string `toml:"channels"`
	// SummaryChannel is where the morning summary goes; Channel when empty.
	SummaryChannel string `toml:"summary_channel"`
	// Tone is how complaints are worded.
	Tone string `toml:"tone" oneof:"bitter dry plain"`
	// Timezone is the zone that times are given in.
	Timezone string `toml:"timezone"`
	// ComplainAtMostEvery is how long one message stands for all complaints about
	// one host and action.
	ComplainAtMostEvery Duration `toml:"complain_at_most_every"`
	// BudgetPerHour is how many messages a pool gets before the rest of the hour
	// shares one. What asks or pages doesn't count.
	BudgetPerHour int `toml:"budget_per_hour"`
	// TemplatesGlob matches the files that word pieces of messages; none when empty.
	TemplatesGlob string `toml:"templates_glob"`
	// ListenAddress is where HTTP mode listens, on the loopback.
	ListenAddress string `toml:"listen_address"`
	// APIURL is where Slack is, for tests; on the loopback. Empty for Slack itself.
	APIURL string `toml:"api_url"`
}

// The modes of Slack.
const (
	SlackSocket = "socket"
	SlackHTTP   = "http"
)

// The defaults of [chat.slack].
const (
	DefaultSlackBudget        = 20
	DefaultSlackListenAddress = "127.0.0.1:9725"
)

func (s *Slack) setDefaults() {
	s.Mode, s.Tone, s.Timezone = SlackSocket, "bitter", DefaultTimezone
	s.ComplainAtMostEvery, s.BudgetPerHour = DefaultComplainAtMostEvery, DefaultSlackBudget
	s.ListenAddress = DefaultSlackListenAddress
}

// Zone is the zone that times are given in; UTC where it can't be read.
func (s Slack) Zone() *time.Location {
	if z, err := LoadZone(s.Timezone); err == nil {
		return z
	}
	return time.UTC
}

// SlackSecrets are what warden shows to Slack, and knows it by.
type SlackSecrets struct{ BotToken, AppToken, SigningSecret Secret }

// SlackSecrets reads the secrets of [chat.slack], as Credentials does. Errors
// never hold one.
func (c *Config) SlackSecrets(env Env) (SlackSecrets, error) {
	var out SlackSecrets
	s := c.Chat.Slack
	for _, one := range []struct {
		key string
		ref SecretRef
		to  *Secret
	}{{"bot_token_file", s.BotTokenFile, &out.BotToken}, {"app_token_file", s.AppTokenFile, &out.AppToken}, {"signing_secret_file", s.SigningSecretFile, &out.SigningSecret}} {
		secret, err := readSecret(one.ref, env, "chat", "slack", one.key)
		if err != nil {
			return SlackSecrets{}, err
		}
		*one.to = secret
	}
	return out, nil
}

// UnixOf is the unix user of the person with an e-mail address, under whose name
// they act wherever they answer; false for nobody, and for somebody without one.
func (c *Config) UnixOf(email string) (string, bool) {
	_, p, ok := c.personByEmail(email)
	if !ok || len(p.Unix) == 0 {
		return "", false
	}
	return p.Unix[0], true
}

// slackName matches what Slack takes for a channel: its name with "#", or its id.
var slackName = regexp.MustCompile(`^(#[\p{Ll}\p{Lo}\p{N}._-]{1,80}|[CG][A-Z0-9]{6,20})$`)

// slackKey matches approvers that are known to Slack: "slack:U024BE7LH" or
// "slack:@oncall-ops".
var slackKey = regexp.MustCompile(`^slack:(@[a-z0-9][a-z0-9._-]{0,80}|[UW][A-Z0-9]{5,20})$`)

// chat checks [chat].
func (v *validator) chat(s Slack) {
	at := func(keys ...string) []string { return append([]string{"chat", "slack"}, keys...) }
	for _, pool := range slices.Sorted(maps.Keys(s.Channels)) {
		if v.reference(at("channels", string(pool)), "pool", string(pool), namesOf(v.config.Pools)) {
			v.slackChannel(at("channels", string(pool)), s.Channels[pool])
		}
	}
	for key, name := range map[string]string{"channel": s.Channel, "summary_channel": s.SummaryChannel} {
		if name != "" || v.given[pathKey(at(key))] {
			v.slackChannel(at(key), name)
		}
	}
	v.between(at("complain_at_most_every"), s.ComplainAtMostEvery, 60*second, 7*day)
	if s.BudgetPerHour < 1 || s.BudgetPerHour > 1000 {
		v.fail(at("budget_per_hour"), "budget_per_hour = %d: use 1 to 1000; what asks or pages is never held back", s.BudgetPerHour)
	}
	if _, err := LoadZone(s.Timezone); err != nil {
		v.fail(at("timezone"), "timezone = %s: %v", quote(s.Timezone), err)
	}
	if _, err := filepath.Match(s.TemplatesGlob, ""); err != nil || s.TemplatesGlob != "" && !filepath.IsAbs(s.TemplatesGlob) {
		v.fail(at("templates_glob"), "templates_glob = %s: write an absolute path with a pattern, such as \"/etc/warden/templates/*.tmpl\"", quote(s.TemplatesGlob))
	}
	// The address isn't repeated: one that leads elsewhere may hold a password.
	if u, err := url.Parse(s.APIURL); s.APIURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || !isLoopback(u.Hostname()) || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		v.fail(at("api_url"), "api_url is for tests, and names a server on this machine, such as \"http://127.0.0.1:9999/api/\"; leave it out for Slack")
	}
	if host, _, err := net.SplitHostPort(s.ListenAddress); err != nil || !isLoopback(host) {
		v.fail(at("listen_address"), "listen_address = %s: use an address of this machine such as %s, behind a proxy with TLS that Slack reaches", quote(s.ListenAddress), quote(DefaultSlackListenAddress))
	}
	if !s.Enabled {
		return
	}
	need := func(key string, set bool, why string) {
		if !set {
			v.fail(at(key), "chat.slack has no %s, and %s: add it, or set enabled = false", key, why)
		}
	}
	need("bot_token_file", s.BotTokenFile.IsSet(), "nothing can be posted without the bot's token (xoxb-)")
	need("channel", s.Channel != "", "people have to be told somewhere")
	need("app_token_file", s.Mode != SlackSocket || s.AppTokenFile.IsSet(), "mode = \"socket\" needs the app's token (xapp-, connections:write)")
	need("signing_secret_file", s.Mode != SlackHTTP || s.SigningSecretFile.IsSet(), "mode = \"http\" can't tell Slack from others without it")
}

func (v *validator) slackChannel(p []string, name string) {
	if !slackName.MatchString(name) {
		v.fail(p, "%s = %s is no channel: write its name such as \"#ops\", or its id such as \"C024BE91L\"", last(p), quote(name))
	}
}
