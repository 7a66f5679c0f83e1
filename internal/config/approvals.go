package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"warden/internal/cron"
	"warden/internal/remedy"
)

// Approvals is the [approvals] table: who answers questions, how many of them,
// and when they are asked. The keys of an action win over it.
type Approvals struct {
	// ExpiresAfter is how long a question waits for its answer.
	ExpiresAfter Duration `toml:"expires_after"`
	// Approvers are unix users, "@name" for a role or else a unix group, and
	// e-mail addresses of people.
	Approvers []string `toml:"approvers"`
	// ApproversFor is the same for single actions.
	ApproversFor map[remedy.ActionName][]string `toml:"approvers_for"`
	// Approvals is how many different people have to say yes: 1 or 2.
	Approvals int `toml:"approvals"`
	// AskReasonOnDeny has surfaces that can ask why somebody says no.
	AskReasonOnDeny bool `toml:"ask_reason_on_deny"`
	// MaxSnooze is how long a question can be put off at once.
	MaxSnooze  Duration   `toml:"max_snooze"`
	QuietHours QuietHours `toml:"quiet_hours"`
	// Roles name groups of approvers, each entry as in Approvers.
	Roles map[string][]string `toml:"roles"`
	// People say who is who.
	People map[string]Person `toml:"people"`
}

// Person is one [approvals.people.NAME] table. What else somebody is known by
// becomes a key of it.
type Person struct {
	Email string   `toml:"email"`
	Unix  []string `toml:"unix"`
}

// QuietHours is the quiet_hours table of [approvals]. It is set when Start is.
type QuietHours struct {
	// Start and End are times of day, "HH:MM", in Timezone.
	Start    string `toml:"start"`
	End      string `toml:"end"`
	Timezone string `toml:"timezone"`
	// Confirm says what becomes of questions then.
	Confirm string `toml:"confirm" oneof:"ask_silently mention_oncall defer"`
}

// What quiet hours do with questions.
const (
	QuietSilent = "ask_silently"   // they are asked, and call nobody
	QuietOnCall = "mention_oncall" // they are asked, and call the role oncall alone
	QuietDefer  = "defer"          // they are asked when the quiet hours end
)

// RoleOnCall is the role that quiet hours may call.
const RoleOnCall = "oncall"

// DefaultMaxSnooze ends with the shift.
const DefaultMaxSnooze = Duration(4 * time.Hour)

func (a *Approvals) setDefaults() {
	a.ExpiresAfter, a.Approvals, a.MaxSnooze, a.AskReasonOnDeny = DefaultExpiresAfter, 1, DefaultMaxSnooze, true
}

func (q *QuietHours) setDefaults() { q.Confirm = QuietSilent }

// Span is when they are; false when there are none, or they can't be read.
func (q QuietHours) Span() (cron.Span, bool) {
	from, ok := atTime(q.Start)
	to, also := atTime(q.End)
	zone, err := LoadZone(q.Timezone)
	if !ok || !also || err != nil {
		return cron.Span{}, false
	}
	return cron.Span{From: from, To: to, Zone: zone}, true
}

// atTime is the daily schedule of a time of day, "HH:MM".
func atTime(s string) (cron.Schedule, bool) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return cron.Schedule{}, false
	}
	c, err := cron.Parse(t.Format("4 15 * * *"))
	return c, err == nil
}

// ApproversOf resolves who may say yes to an action: its own approvers, or those
// that [approvals] has for it, or for all. Each is there once, in the order of
// the file.
func (c *Config) ApproversOf(action remedy.ActionName) []remedy.Approver {
	return c.resolve(c.namesOfApprovers(action))
}

// namesOfApprovers are the entries as they are written.
func (c *Config) namesOfApprovers(action remedy.ActionName) []string {
	if own := c.Actions[action].Approvers; len(own) > 0 {
		return own
	}
	if own := c.Approvals.ApproversFor[action]; len(own) > 0 {
		return own
	}
	return c.Approvals.Approvers
}

// resolve turns entries into what actors are held against.
func (c *Config) resolve(entries []string) []remedy.Approver {
	var out []remedy.Approver
	add := func(a remedy.Approver) {
		if !slices.ContainsFunc(out, func(o remedy.Approver) bool { return o.Match == a.Match }) {
			out = append(out, a)
		}
	}
	var walk func(entries []string, role string, within []string)
	walk = func(entries []string, role string, within []string) {
		for _, e := range entries {
			name, group := strings.CutPrefix(e, "@")
			members, isRole := c.Approvals.Roles[name]
			switch {
			case group && isRole && slices.Contains(within, name): // a cycle, which the check refuses
			case group && isRole:
				walk(members, cmp.Or(role, name), append(slices.Clip(within), name))
			case group:
				add(remedy.Approver{Match: e, Role: role})
			case strings.HasPrefix(e, "slack:"):
				if c.Chat.Slack.Enabled {
					add(remedy.Approver{Match: e, Role: role})
				}
			case strings.Contains(e, "@"):
				who, p, ok := c.personByEmail(e)
				if len(p.Unix) == 0 && c.Chat.Slack.Enabled {
					// Nobody comes as a unix user: Slack vouches for the address.
					add(remedy.Approver{Match: strings.ToLower(e), Person: who, Role: role})
				}
				if ok {
					for _, u := range p.Unix {
						add(remedy.Approver{Match: u, Person: who, Email: p.Email, Role: role})
					}
				}
			default:
				who, p := c.personByUnix(e)
				add(remedy.Approver{Match: e, Person: who, Email: p.Email, Role: role})
			}
		}
	}
	walk(entries, "", nil)
	return out
}

// personByEmail finds who has an e-mail address; upper and lower case are one.
func (c *Config) personByEmail(email string) (string, Person, bool) {
	for _, name := range slices.Sorted(maps.Keys(c.Approvals.People)) {
		if p := c.Approvals.People[name]; strings.EqualFold(p.Email, email) {
			return name, p, true
		}
	}
	return "", Person{}, false
}

// personByUnix finds who a unix user is; empty when the file doesn't say.
func (c *Config) personByUnix(user string) (string, Person) {
	for _, name := range slices.Sorted(maps.Keys(c.Approvals.People)) {
		if p := c.Approvals.People[name]; slices.Contains(p.Unix, user) {
			return name, p
		}
	}
	return "", Person{}
}

// Aliases are the people of whom more than one unix user is known, by name.
func (c *Config) Aliases() []remedy.Alias {
	var out []remedy.Alias
	for _, name := range slices.Sorted(maps.Keys(c.Approvals.People)) {
		if p := c.Approvals.People[name]; len(p.Unix) > 1 || len(p.Unix) > 0 && p.Email != "" {
			out = append(out, remedy.Alias{Person: name, Unix: p.Unix, Email: strings.ToLower(p.Email)})
		}
	}
	return out
}

// ApprovalsOf is how many people have to say yes to an action.
func (c *Config) ApprovalsOf(action remedy.ActionName) int {
	return cmp.Or(c.Actions[action].Approvals, c.Approvals.Approvals, 1)
}

// ExpiresAfterOf is how long a question about an action waits.
func (c *Config) ExpiresAfterOf(action remedy.ActionName) Duration {
	return cmp.Or(c.Actions[action].ExpiresAfter, c.Approvals.ExpiresAfter)
}

// plainApprovers reports whether nothing is to be said of approvers but their
// entries: then they are written as before.
func plainApprovers(who []remedy.Approver) bool {
	return !slices.ContainsFunc(who, func(a remedy.Approver) bool { return a.Person != "" || a.Role != "" || a.Email != "" })
}

// WhoOf is ApproversOf where it says more than the entries do; nil otherwise.
func (c *Config) WhoOf(action remedy.ActionName) []remedy.Approver {
	who := c.ApproversOf(action)
	if plainApprovers(who) {
		return nil
	}
	return who
}
