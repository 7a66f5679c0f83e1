package config

import (
	"maps"
	"net/mail"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// approvals checks the [approvals] table.
func (v *validator) approvals(a Approvals) {
	at := func(keys ...string) []string { return append([]string{"approvals"}, keys...) }
	v.between(at("expires_after"), a.ExpiresAfter, 60*second, day)
	v.between(at("max_snooze"), a.MaxSnooze, 30*60*second, day) // a button asks for half an hour
	v.manyApprovals(at("approvals"), a.Approvals)
	v.people(a)
	for _, name := range slices.Sorted(maps.Keys(a.Roles)) {
		v.role(name, a.Roles[name])
	}
	v.entries(at("approvers"), a.Approvers)
	for _, name := range slices.Sorted(maps.Keys(a.ApproversFor)) {
		p := at("approvers_for", string(name))
		if v.reference(p, "action", string(name), namesOf(v.config.Actions)) {
			v.entries(p, a.ApproversFor[name])
			if own := v.config.Actions[name].Approvers; len(own) > 0 {
				v.warn(p, "actions.%s has approvers of its own, and those here are not used: remove one of them", name)
			}
		}
	}
	v.quietHours(a)
}

// people checks the [approvals.people.NAME] tables.
func (v *validator) people(a Approvals) {
	emails, users := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.People)) {
		p, at := a.People[name], func(keys ...string) []string {
			return append([]string{"approvals", "people", name}, keys...)
		}
		if p.Email == "" && len(p.Unix) == 0 {
			v.fail(at(), "approvals.people.%s says nothing of who they are: add email, unix or both", name)
		}
		if v.given[pathKey(at("email"))] && !isEmail(p.Email) {
			v.fail(at("email"), "email = %s is no e-mail address: write one such as \"fran@example.net\"", quote(p.Email))
		}
		if other, taken := emails[strings.ToLower(p.Email)]; taken && p.Email != "" {
			v.fail(at("email"), "email = %s is that of approvals.people.%s, too; use another, or one table for both", quote(p.Email), other)
		}
		emails[strings.ToLower(p.Email)] = name
		for i, u := range p.Unix {
			other, taken := users[u]
			switch {
			case !approver.MatchString(u) || strings.HasPrefix(u, "@"):
				v.fail(at("unix", element(i)), "unix: %s is no unix user; write its name alone", quote(u))
			case taken:
				v.fail(at("unix", element(i)), "unix: %s is approvals.people.%s, too; use one table for both", quote(u), other)
			}
			users[u] = name
		}
	}
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// role checks one of [approvals.roles]: it has members, and is not in itself.
func (v *validator) role(name string, members []string) {
	p := []string{"approvals", "roles", name}
	v.entries(p, members)
	var inside func(role string, seen []string) []string
	inside = func(role string, seen []string) []string {
		for _, m := range v.config.Approvals.Roles[role] {
			next, group := strings.CutPrefix(m, "@")
			if _, is := v.config.Approvals.Roles[next]; !group || !is {
				continue
			}
			if next == name {
				return append(seen, next)
			}
			if !slices.Contains(seen, next) {
				if way := inside(next, append(slices.Clip(seen), next)); way != nil {
					return way
				}
			}
		}
		return nil
	}
	if way := inside(name, []string{name}); way != nil {
		v.fail(p, "role %s is a member of itself (%s); remove it from one of them", name, strings.Join(way, " > "))
	}
}

// entries checks a list of approvers.
func (v *validator) entries(p []string, entries []string) {
	for i, e := range entries {
		item := join(p, element(i))
		switch {
		case strings.HasPrefix(e, "slack:"):
			v.slackApprover(item, e)
		case strings.Contains(e, "@") && !strings.HasPrefix(e, "@") && isEmail(e):
			v.email(item, e)
		case !approver.MatchString(e):
			v.fail(item, "%s: %s is no approver: write \"fran\" for a unix user, \"@ops\" for a role or a unix group, or an e-mail address of [approvals.people]", last(p), quote(e))
		}
	}
}

// slackApprover checks an approver that only Slack knows.
func (v *validator) slackApprover(p []string, e string) {
	switch {
	case !slackKey.MatchString(e):
		v.fail(p, "%s: %s is no approver of Slack: write \"slack:@oncall-ops\" for a user group's handle, or \"slack:U024BE7LH\" for a user's id", last(p[:len(p)-1]), quote(e))
	case !v.config.Chat.Slack.Enabled:
		v.fail(p, "%s: %s can answer in Slack only: set enabled = true in [chat.slack], or name a unix user", last(p[:len(p)-1]), quote(e))
	}
}

// email checks that an address is somebody's, who can answer.
func (v *validator) email(p []string, email string) {
	var known []string
	for _, person := range v.config.Approvals.People {
		known = append(known, person.Email)
	}
	name, person, ok := v.config.personByEmail(email)
	slack := v.config.Chat.Slack.Enabled
	switch {
	case !ok && slack: // whoever Slack says has that address
	case !ok:
		hint := didYouMean(email, known)
		if hint == "" {
			hint = "; add [approvals.people.NAME] with email and unix"
		}
		v.fail(p, "nobody of [approvals.people] has the e-mail address %s%s", quote(email), hint)
	case len(person.Unix) == 0 && !slack:
		v.warn(p, "approvals.people.%s has no unix user, so they can't answer yet: add unix = [\"user\"]", name)
	}
}

// manyApprovals checks how many people have to say yes.
func (v *validator) manyApprovals(p []string, n int) {
	if v.given[pathKey(p)] && (n < 1 || n > 2) {
		v.fail(p, "approvals = %d: use 1, or 2 for two different people", n)
	}
}

// quietHours checks the quiet_hours table.
func (v *validator) quietHours(a Approvals) {
	at := func(key string) []string { return []string{"approvals", "quiet_hours", key} }
	q := a.QuietHours
	if !v.given[pathKey(at("start"))] && !v.given[pathKey(at("end"))] && !v.given[pathKey(at("timezone"))] {
		return // there are none
	}
	if _, ok := atTime(q.Start); !ok {
		v.fail(at("start"), "start = %s is no time of day: write one such as \"22:00\"", quote(q.Start))
	}
	if _, ok := atTime(q.End); !ok {
		v.fail(at("end"), "end = %s is no time of day: write one such as \"08:00\"", quote(q.End))
	}
	if _, err := LoadZone(q.Timezone); err != nil {
		v.fail(at("timezone"), "timezone = %s: %v", quote(q.Timezone), err)
	}
	if q.Start == q.End && v.ok(at("start")) {
		v.fail(at("end"), "end = %s is start, too: use another time", quote(q.End))
	}
	if _, ok := a.Roles[RoleOnCall]; q.Confirm == QuietOnCall && !ok {
		v.fail(at("confirm"), "confirm = %s, and there is no role %s to call: add %s to [approvals.roles]", quote(q.Confirm), RoleOnCall, RoleOnCall)
	}
}

// asking checks what an action says about questions, with what it gets from
// [approvals].
func (v *validator) asking(name remedy.ActionName, a Action) {
	at := func(keys ...string) []string { return append([]string{"actions", string(name)}, keys...) }
	c := v.config
	v.entries(at("approvers"), a.Approvers)
	v.manyApprovals(at("approvals"), a.Approvals)
	where := at("approvals")
	if !v.given[pathKey(where)] {
		where = []string{"approvals", "approvals"}
	}
	v.enough(where, name)
	if !v.given[pathKey(at("announce_for"))] {
		return
	}
	v.between(at("announce_for"), a.AnnounceFor, 10*second, day)
	if len(c.namesOfApprovers(name)) == 0 {
		v.fail(at("announce_for"), "announce_for needs approvers: an announcement that can't be delivered becomes a question; add approvers to %s", header(at()))
	}
}

// approversOK reports whether nothing is wrong with who may say yes.
func (v *validator) approversOK(name remedy.ActionName) bool {
	for p := range v.faulty {
		if strings.HasPrefix(p, pathKey([]string{"approvals"})) || strings.HasPrefix(p, pathKey([]string{"actions", string(name), "approvers"})) {
			return false
		}
	}
	return true
}

// enough checks that as many different people as have to say yes may be among those
// who may. Who is in a group is known when they come, and nothing of it is said here:
// nobody could end a warning of it, and a group may be of any size. Where one holds too
// few, the question is put, and expires.
func (v *validator) enough(p []string, name remedy.ActionName) {
	c := v.config
	who, n := c.ApproversOf(name), c.ApprovalsOf(name)
	if n < 2 || len(who) == 0 || !v.approversOK(name) {
		return
	}
	least, most := remedy.PeopleAmong(who, c.Aliases(), n)
	var chat []string
	groups := slices.ContainsFunc(who, remedy.Approver.Group)
	for _, a := range who {
		switch {
		case a.Group():
		case strings.Contains(a.Match, "@"), strings.HasPrefix(a.Match, "slack:"):
			chat = append(chat, a.Match)
		}
	}
	switch {
	case most < n && len(chat) > 0 && len(who) > len(chat):
		v.fail(p, "actions.%s needs %d different people, and nothing tells %s from a unix user who may say yes: put email and unix of each into [approvals.people], add an approver, or use approvals = 1", name, n, strings.Join(chat, ", "))
	case most < n:
		v.fail(p, "actions.%s needs %d different people and only one may say yes: add an approver, or use approvals = 1", name, n)
	case least < n && !groups:
		v.warn(p, "actions.%s needs %d different people, and %s counts as another only if Slack vouches for an address of theirs: put their email into [approvals.people] and name that", name, n, strings.Join(chat, ", "))
	}
}
