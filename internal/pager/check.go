package pager

import (
	"context"
	"errors"
	"strings"

	"github.com/PagerDuty/go-pagerduty"

	"warden/internal/doctor"
)

// Checks look whether PagerDuty knows warden as the settings say, by calls that
// read alone: the REST key, the services, the user in whose name notes are
// written. The routing key is not used, for that would make an event.
func (p *Pager) Checks(s Settings) []doctor.Check {
	return []doctor.Check{{Name: "pagerduty", Run: func(ctx context.Context) []doctor.Result {
		a := &api{}
		a.open(p, &s)
		return append(a.checkReading(ctx), a.checkSending())
	}}}
}

const checkToken = "put a REST API key that may write into the file of pagerduty.api_token_file"

// checkReading is what the REST API says.
func (a *api) checkReading(ctx context.Context) []doctor.Result {
	switch ok, err := a.canRead(); {
	case err != nil:
		return []doctor.Result{doctor.Bad(doctor.Fail, "api_token", checkToken, "%v", err)}
	case !ok:
		return []doctor.Result{doctor.Bad(doctor.Warn, "api_token", "add pagerduty.api_token_file, if incidents are to get notes", "there is none: no incident is found, and none gets a note")}
	}
	var out []doctor.Result
	for _, id := range a.s.Services {
		got, err := call(ctx, func(ctx context.Context) (*pagerduty.Service, error) {
			return a.rest.GetServiceWithContext(ctx, id, nil)
		})
		t, _ := errors.AsType[*trouble](err)
		switch {
		case err == nil && (got.Status == "disabled" || got.Status == "maintenance"):
			out = append(out, doctor.Bad(doctor.Warn, "service "+id, "look at the service in PagerDuty", "it is there, and %s", got.Status))
		case err == nil:
			out = append(out, doctor.Good("service "+id, "the key can read it"))
		case t != nil && t.code == codeNoService:
			out = append(out, doctor.Bad(doctor.Fail, "service "+id, "correct pagerduty.services: an id is the end of the service's address in PagerDuty", "the account has no such service, or the key may not see it"))
		default:
			return append(out, unanswered("service "+id, t, err))
		}
	}
	return append(out, a.checkWriter(ctx))
}

// checkWriter looks for the user of from_email.
func (a *api) checkWriter(ctx context.Context) doctor.Result {
	const subject = "from_email"
	if a.s.From == "" {
		return doctor.Bad(doctor.Warn, subject, "set pagerduty.from_email, if incidents are to get notes", "there is none: PagerDuty takes no note without a user")
	}
	users, err := call(ctx, func(ctx context.Context) (*pagerduty.ListUsersResponse, error) {
		return a.rest.ListUsersWithContext(ctx, pagerduty.ListUsersOptions{Query: a.s.From})
	})
	if err != nil {
		t, _ := errors.AsType[*trouble](err)
		return unanswered(subject, t, err)
	}
	for _, u := range users.Users {
		if strings.EqualFold(u.Email, a.s.From) {
			return doctor.Good(subject, "%s is a user of the account; that the key may write shows with the first note", a.s.From)
		}
	}
	return doctor.Bad(doctor.Fail, subject, "make pagerduty.from_email the e-mail address of a user of the account, best one of warden's own", "%s is not a user of this account: notes would fail (%d)", a.s.From, codeUserNotFound)
}

// unanswered is a call that said nothing of what was asked.
func unanswered(subject string, t *trouble, err error) doctor.Result {
	if t != nil && t.wait == refusedPause {
		return doctor.Bad(doctor.Fail, subject, checkToken, "%v", err)
	}
	return doctor.Bad(doctor.Fail, subject, "mend the way to PagerDuty; notes and alerts wait meanwhile, for a day", "%v", err)
}

// checkSending is what can be told of the routing key without an event.
func (a *api) checkSending() doctor.Result {
	const subject = "routing_key"
	switch ok, err := a.canSend(); {
	case err != nil:
		return doctor.Bad(doctor.Fail, subject, "put the key of an Events API v2 integration into the file of pagerduty.routing_key_file", "%v", err)
	case !ok:
		return doctor.Bad(doctor.Warn, subject, "add pagerduty.routing_key_file, if warden's own troubles are to page", "there is none: there are neither alerts nor change events")
	}
	if a.s.ChangeEvents && strings.HasPrefix(a.key, "R") {
		return doctor.Bad(doctor.Warn, subject, "use the key of an Events API v2 integration of a service, or set pagerduty.change_events = false", "it begins with R, as a ruleset's does: those take no change events")
	}
	return doctor.Good(subject, "it has the right form; it is not sent, for that would make an event")
}

// codeNoService is PagerDuty's code for what is not there.
const codeNoService = 2100
