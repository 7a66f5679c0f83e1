package config

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// PagerDuty is the [pagerduty] table: incidents get notes, services change
// events, and warden's own troubles become alerts.
type PagerDuty struct {
	Enabled bool `toml:"enabled"`
	// APITokenFile refers to a REST API key, by which incidents are read and notes
	// are written. Without it there are no notes.
	APITokenFile SecretRef `toml:"api_token_file"`
	// FromEmail is the PagerDuty user in whose name notes are written.
	FromEmail string `toml:"from_email"`
	// RoutingKeyFile refers to the integration key of warden's own integration.
	// Without it there are neither alerts nor change events.
	RoutingKeyFile SecretRef `toml:"routing_key_file"`
	// Services are the ids of the services whose incidents may be about hosts.
	Services []string       `toml:"services"`
	Match    PagerDutyMatch `toml:"match"`
	// Notes says which milestones of a case are noted on its incident.
	Notes string `toml:"notes" oneof:"off outcomes all"`
	// ChangeEvents has what warden does by itself, and its undo, shown as changes.
	ChangeEvents bool `toml:"change_events"`
	// ResolveAfterVerified lets warden resolve an incident that is about one host
	// alone, once the action on it was verified.
	ResolveAfterVerified bool `toml:"resolve_after_verified"`
	// PageWhen is what warden alerts about: kinds of PagerDutyKinds.
	PageWhen []string `toml:"page_when"`
	// PageOnConfirm are the pools whose waiting questions alert, too.
	PageOnConfirm []remedy.PoolName `toml:"page_on_confirm"`
	// APIURL and EventsURL take the place of PagerDuty's own; for tests and the
	// demo, and so on this machine only.
	APIURL    string `toml:"api_url"`
	EventsURL string `toml:"events_url"`
}

// PagerDutyMatch is the match table of [pagerduty]: how an incident is known to
// be about a host.
type PagerDutyMatch struct {
	// HostKeys are where an alert may hold its host.
	HostKeys []string `toml:"host_keys"`
	// Lookback is how long before its case an incident may have begun.
	Lookback Duration `toml:"lookback"`
}

// What of a case is noted on its incident.
const (
	NotesOff      = "off"
	NotesOutcomes = "outcomes" // it asks, it holds back, it acted, it was undone
	NotesAll      = "all"      // every step
)

// The kinds of what page_when can have.
const (
	PageActionFailed  = "action_failed"  // an action failed
	PageVerifyFailed  = "verify_failed"  // it ran, and did not take
	PageActionUnknown = "action_unknown" // nobody knows whether it happened
	PageCommonMode    = "common_mode"    // many hosts are bad at once, and hands are off
	PageBreakerOpen   = "breaker_open"   // a breaker is latched
	PageDemoted       = "demoted"        // warden took a level from itself
	PageSourceBlind   = "source_blind"   // a source can't be believed for 15 minutes
	PageOutboxStuck   = "outbox_stuck"   // people can't be told elsewhere for 15 minutes
	PageConfigSplit   = "config_split"   // nodes have different configs for an hour
)

// PagerDutyKinds is all that page_when can have, the most urgent first. The
// slice is the caller's.
func PagerDutyKinds() []string {
	return []string{PageActionFailed, PageVerifyFailed, PageActionUnknown, PageCommonMode, PageBreakerOpen, PageDemoted, PageSourceBlind, PageOutboxStuck, PageConfigSplit}
}

func (p *PagerDuty) setDefaults() {
	p.Notes, p.ChangeEvents = NotesOutcomes, true
	p.PageWhen = PagerDutyKinds()[:5]
}

func (m *PagerDutyMatch) setDefaults() {
	m.HostKeys = []string{"source", "custom_details.host", "custom_details.instance"}
	m.Lookback = DefaultLookback
}

// PagerDutyToken reads the REST API key of [pagerduty], as Credentials does; an
// empty Secret without one. Read it again for each delivery. Errors never hold it.
func (c *Config) PagerDutyToken(env Env) (Secret, error) {
	return readSecret(c.PagerDuty.APITokenFile, env, "pagerduty", "api_token_file")
}

// PagerDutyRoutingKey is the same for the integration key, whose form is checked.
func (c *Config) PagerDutyRoutingKey(env Env) (Secret, error) {
	key, err := readSecret(c.PagerDuty.RoutingKeyFile, env, "pagerduty", "routing_key_file")
	if err == nil && key.IsSet() && !routingKey.MatchString(key.Reveal()) {
		return Secret{}, errors.New("pagerduty.routing_key_file: " + noRoutingKey)
	}
	return key, err
}

// noRoutingKey says what is wrong with one.
const noRoutingKey = "what it refers to is no integration key of the Events API v2, which has 32 letters and digits: copy it from the integration's page"

var (
	routingKey = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)
	// serviceID is PagerDuty's id of a service, such as PIJ90N7.
	serviceID = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)
	// hostKey is where an alert holds its host: one of its fields, or one of the
	// sender's own.
	hostKey = regexp.MustCompile(`^(source|component|group|class|custom_details(\.[^.\s]+)+)$`)
)

// pagerduty checks [pagerduty].
func (v *validator) pagerduty(p PagerDuty) {
	at := func(keys ...string) []string { return append([]string{"pagerduty"}, keys...) }
	given := func(keys ...string) bool { return v.given[pathKey(at(keys...))] }
	notes := p.Notes != NotesOff
	if p.Enabled && !p.APITokenFile.IsSet() && !p.RoutingKeyFile.IsSet() {
		v.fail(at("enabled"), "[pagerduty] is enabled and has neither api_token_file (for notes) nor routing_key_file (for alerts and change events): add one of them, or both")
	}
	if p.APITokenFile.IsSet() && p.FromEmail == "" && (notes || p.ResolveAfterVerified) {
		v.fail(at("api_token_file"), "notes are written in a user's name: add from_email, the e-mail address of a real PagerDuty user")
	}
	if given("from_email") && !isEmail(p.FromEmail) {
		v.fail(at("from_email"), "from_email = %s is no e-mail address: write that of a real PagerDuty user, such as \"warden@example.net\"", quote(p.FromEmail))
	}
	if p.APITokenFile.IsSet() && len(p.Services) == 0 {
		v.fail(at("api_token_file"), "no services are named, so no incident would be found: add services = [\"PINGEST\"], with the ids that stand at the end of their addresses")
	}
	for i, s := range p.Services {
		if !serviceID.MatchString(s) || slices.Index(p.Services, s) != i {
			v.fail(at("services", element(i)), "services: %s is no service's id, or stands there twice: use each once, as it stands at the end of the service's address: PIJ90N7", quote(s))
		}
	}
	if p.ResolveAfterVerified && !notes {
		v.fail(at("resolve_after_verified"), "an incident is resolved with a note only: set notes to %q or %q", NotesOutcomes, NotesAll)
	}
	for i, k := range p.Match.HostKeys {
		if !hostKey.MatchString(k) {
			v.fail(at("match", "host_keys", element(i)), "host_keys: %s is no field of an alert: use source, component, group, class, or one of your own such as custom_details.host", quote(k))
		}
	}
	v.between(at("match", "lookback"), p.Match.Lookback, 60*second, day)
	for i, k := range p.PageWhen {
		if !slices.Contains(PagerDutyKinds(), k) {
			v.fail(at("page_when", element(i)), "page_when: %s is no kind of alert%s", quote(k), cmp.Or(didYouMean(k, PagerDutyKinds()), "; use "+strings.Join(PagerDutyKinds(), ", ")))
		}
	}
	for i, name := range p.PageOnConfirm {
		v.reference(at("page_on_confirm", element(i)), "pool", string(name), namesOf(v.config.Pools))
	}
	v.loopback(at("api_url"), p.APIURL)
	v.loopback(at("events_url"), p.EventsURL)
	if !p.Enabled && (p.APITokenFile.IsSet() || p.RoutingKeyFile.IsSet()) {
		v.warn(at(), "[pagerduty] has keys and is not enabled: PagerDuty is told nothing; add enabled = true, or leave it out")
	}
}

// loopback holds an address that takes PagerDuty's place to this machine, so
// that no config sends the keys somewhere else.
func (v *validator) loopback(p []string, text string) {
	if !v.given[pathKey(p)] {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isLoopback(u.Hostname()) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		v.fail(p, "%s is for tests and the demo, and names a server on this machine, such as \"http://127.0.0.1:8090\"; leave it out for PagerDuty itself", last(p))
	}
}

// pagerDutyFiles checks that the secrets can be read and look like what they
// are.
func (d *decoder) pagerDutyFiles(c *Config, env Env) {
	if _, err := c.PagerDutyToken(env); err != nil {
		d.badValue([]string{"pagerduty", "api_token_file"}, "%v", err)
	}
	if _, err := c.PagerDutyRoutingKey(env); err != nil {
		d.badValue([]string{"pagerduty", "routing_key_file"}, "%v", err)
	}
}
