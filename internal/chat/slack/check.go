package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	api "github.com/slack-go/slack"

	"warden/internal/doctor"
	"warden/internal/remedy"
)

// Scopes are what the bot token must be allowed, each with what is missing without
// it, in the order in which people miss them.
func Scopes() [][2]string {
	return [][2]string{
		{"chat:write", "nobody is told anything"},
		{"users:read", "nobody who clicks is known, and nobody can answer"},
		{"users:read.email", "approvers by e-mail address can't be told from others, and their approvals are refused"},
		{"usergroups:read", "approvers by user group can't be resolved, and their approvals are refused"},
		{"commands", "/warden does nothing"},
		{"app_mentions:read", "warden hears no mention"},
		{"channels:read", "`warden doctor` can't see whether the app is in its public channels"},
		{"groups:read", "`warden doctor` can't see whether the app is in its private channels"},
	}
}

// Checks look whether Slack knows warden as the settings say, by calls that
// change nothing: tokens, scopes, channels, and whether approvers are anybody.
// Client makes the requests; nil for one of its own.
func Checks(set Settings, approvers []remedy.Approver, client *http.Client) []doctor.Check {
	return []doctor.Check{{Name: "slack", Run: func(ctx context.Context) []doctor.Result {
		token, err := set.BotToken()
		if err == nil && token == "" {
			err = errors.New("there is no bot token")
		}
		if err != nil {
			return []doctor.Result{doctor.Bad(doctor.Fail, "bot_token", "write the app's bot token (xoxb-) into the file of chat.slack.bot_token_file", "%v", err)}
		}
		app := ""
		if set.AppToken != nil && !set.HTTP {
			if app, err = set.AppToken(); err != nil {
				return []doctor.Result{doctor.Bad(doctor.Fail, "app_token", fixApp, "%v", err)}
			}
		}
		if client == nil {
			client = New(Options{}).Client
		}
		opts := []api.Option{api.OptionHTTPClient(newWire(client, nil)), api.OptionAppLevelToken(app)}
		if set.APIURL != "" {
			opts = append(opts, api.OptionAPIURL(strings.TrimSuffix(set.APIURL, "/")+"/"))
		}
		x := &examination{set: set, app: app, client: api.New(token, opts...)}
		return x.all(ctx, approvers)
	}}}
}

const (
	fixManifest = "paste what `warden chat manifest` prints in the app's settings, and reinstall the app"
	fixApp      = "make an app-level token with connections:write, and write it (xapp-) into the file of chat.slack.app_token_file"
)

// examination is one look at a workspace.
type examination struct {
	set    Settings
	app    string
	client *api.Client
	scopes []string
}

func (x *examination) all(ctx context.Context, approvers []remedy.Approver) []doctor.Result {
	who, err := x.client.AuthTestContext(ctx)
	if err != nil {
		return []doctor.Result{troubled("bot_token", "install the app, and write its bot token (xoxb-) into the file of chat.slack.bot_token_file", err)}
	}
	x.scopes = strings.FieldsFunc(who.Header.Get("X-OAuth-Scopes"), func(r rune) bool { return r == ',' || r == ' ' })
	out := []doctor.Result{doctor.Good("bot_token", "it is @%s in %s", who.User, who.Team)}
	out = append(out, x.granted()...)
	out = append(out, x.connections(ctx))
	out = append(out, x.channels(ctx)...)
	return append(out, x.people(ctx, who.TeamID, approvers)...)
}

// granted compares the scopes that are there with those that are needed.
func (x *examination) granted() []doctor.Result {
	if len(x.scopes) == 0 {
		return []doctor.Result{doctor.Bad(doctor.Unknown, "scopes", "look in the app's settings", "Slack does not say which the token has")}
	}
	var out []doctor.Result
	for _, s := range Scopes() {
		if !slices.Contains(x.scopes, s[0]) {
			out = append(out, doctor.Bad(doctor.Fail, "scope "+s[0], fixManifest, "it is missing: %s", s[1]))
		}
	}
	if len(out) == 0 {
		out = append(out, doctor.Good("scopes", "all %d that are needed", len(Scopes())))
	}
	return out
}

// connections asks for an address of a socket, and does not open it.
func (x *examination) connections(ctx context.Context) doctor.Result {
	const subject = "app_token"
	switch {
	case x.set.HTTP:
		secret, err := x.set.SigningSecret()
		if err != nil || secret == "" {
			return doctor.Bad(doctor.Fail, "signing_secret", "write the app's signing secret into the file of chat.slack.signing_secret_file: without it no click is believed", "it can't be read: %v", err)
		}
		return doctor.Good("signing_secret", "it can be read; that Slack reaches this node shows with the first click")
	case x.app == "":
		return doctor.Bad(doctor.Fail, subject, fixApp, "there is none: clicks don't get here")
	}
	if _, _, err := x.client.StartSocketModeContext(ctx); err != nil {
		return troubled(subject, fixApp, err)
	}
	return doctor.Good(subject, "a socket may be opened with it")
}

// channels looks whether the channels are there and the app is in them.
func (x *examination) channels(ctx context.Context) []doctor.Result {
	want := []string{x.set.Channel}
	for _, c := range x.set.Channels {
		want = append(want, c)
	}
	want = append(want, x.set.Summary)
	slices.Sort(want)
	want = slices.DeleteFunc(slices.Compact(want), func(s string) bool { return s == "" })
	kinds := []string{}
	for scope, kind := range map[string]string{"channels:read": "public_channel", "groups:read": "private_channel"} {
		if slices.Contains(x.scopes, scope) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return []doctor.Result{doctor.Bad(doctor.Unknown, "channels", "invite the app to "+strings.Join(want, ", ")+"; with the scopes channels:read and groups:read this could be looked at", "the app may not list channels")}
	}
	slices.Sort(kinds)
	there := map[string]api.Channel{}
	for cursor := ""; ; {
		page, next, err := x.client.GetConversationsContext(ctx, &api.GetConversationsParameters{Types: kinds, ExcludeArchived: false, Limit: 200, Cursor: cursor})
		if err != nil {
			return []doctor.Result{troubled("channels", "look at the app's settings", err)}
		}
		for _, c := range page {
			there[c.ID], there["#"+c.Name] = c, c
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	var out []doctor.Result
	for _, name := range want {
		switch c, ok := there[name]; {
		case !ok && len(kinds) < 2:
			out = append(out, doctor.Bad(doctor.Unknown, name, "invite the app to it; if it is public, or the name is wrong, correct the name", "no such channel among those that the app may see"))
		case !ok:
			out = append(out, doctor.Bad(doctor.Fail, name, "correct the name, or make the channel; invite the app to it if it is private", "there is no such channel, or it is private and the app is not in it"))
		case c.IsArchived:
			out = append(out, doctor.Bad(doctor.Fail, name, "unarchive it, or name another channel", "it is archived"))
		case !c.IsMember && !slices.Contains(x.scopes, "chat:write.public"):
			out = append(out, doctor.Bad(doctor.Fail, name, "type /invite and the app's name in it", "the app is not in it, and can't write there"))
		default:
			out = append(out, doctor.Good(name, "the app is in it, or may write there"))
		}
	}
	return out
}

// people looks whether approvers that Slack would know are anybody there.
func (x *examination) people(ctx context.Context, team string, approvers []remedy.Approver) []doctor.Result {
	var groups []api.UserGroup
	var cant error
	if slices.ContainsFunc(approvers, func(a remedy.Approver) bool { return strings.HasPrefix(a.Match, "slack:@") }) {
		groups, cant = x.client.GetUserGroupsContext(ctx, api.GetUserGroupsOptionIncludeUsers(true))
	}
	var out []doctor.Result
	seen := map[string]bool{}
	for _, a := range approvers {
		subject := a.Match
		key, isKey := strings.CutPrefix(a.Match, "slack:")
		handle, isGroup := strings.CutPrefix(key, "@")
		mail := a.Email
		if !isKey && !strings.HasPrefix(a.Match, "@") && strings.Contains(a.Match, "@") {
			mail = a.Match
		}
		if !isKey && mail != "" {
			subject = mail
		}
		if seen[subject] || !isKey && mail == "" {
			continue
		}
		seen[subject] = true
		switch {
		case isKey && isGroup && cant != nil:
			out = append(out, troubled(subject, fixManifest, cant))
		case isKey && isGroup:
			out = append(out, group(subject, handle, groups))
		case isKey:
			u, err := x.client.GetUserInfoContext(ctx, key)
			out = append(out, person(subject, team, u, err))
		default:
			u, err := x.client.GetUserByEmailContext(ctx, mail)
			out = append(out, person(subject, team, u, err))
		}
	}
	return out
}

func group(subject, handle string, all []api.UserGroup) doctor.Result {
	i := slices.IndexFunc(all, func(g api.UserGroup) bool { return g.Handle == handle && g.DateDelete == 0 })
	switch {
	case i < 0:
		return doctor.Bad(doctor.Fail, subject, "correct the handle in approvers, or make the group", "there is no such user group: nobody of it can say yes")
	case len(all[i].Users) == 0:
		return doctor.Bad(doctor.Fail, subject, "put people into the group, or name another", "nobody is in it: nobody of it can say yes")
	}
	return doctor.Good(subject, "%d in it", len(all[i].Users))
}

func person(subject, team string, u *api.User, err error) doctor.Result {
	const fix = "correct it in approvers or [approvals.people]; it is the address in their Slack profile"
	said, _ := errors.AsType[api.SlackErrorResponse](err)
	switch {
	case said.Err == "users_not_found" || said.Err == "user_not_found":
		return doctor.Bad(doctor.Warn, subject, fix, "nobody in Slack has it: they can't answer there")
	case err != nil:
		return troubled(subject, fixManifest, err)
	case u.Deleted || u.IsBot || u.IsAppUser || u.IsRestricted || u.IsUltraRestricted || u.IsStranger || u.TeamID != team:
		return doctor.Bad(doctor.Warn, subject, "name a member of the workspace", "it is a bot, a guest, of another workspace or deactivated: they may read and not answer")
	}
	return doctor.Good(subject, "a member of the workspace")
}

// troubled words why a call said nothing of what was asked. Nothing but Slack's
// own codes is repeated.
func troubled(subject, fix string, err error) doctor.Result {
	if limited, ok := errors.AsType[*api.RateLimitedError](err); ok {
		return doctor.Bad(doctor.Unknown, subject, "ask again later", "Slack wants to be left alone for %s", limited.RetryAfter)
	}
	said, ok := errors.AsType[api.SlackErrorResponse](err)
	if !ok {
		status, _ := errors.AsType[api.StatusCodeError](err)
		why := "no answer from Slack"
		if u, ok := errors.AsType[*unanswered](err); ok {
			why = u.text
		}
		if status.Code != 0 {
			why = fmt.Sprintf("Slack has trouble (status %d)", status.Code)
		}
		return doctor.Bad(doctor.Fail, subject, "look at the way out of this network, and at status.slack.com; people are told when it is back", "%s", why)
	}
	return doctor.Bad(doctor.Fail, subject, fix, "Slack says %s", saidCode(said.Err))
}

// saidCode is one of Slack's, or that it is none.
func saidCode(s string) string {
	if s == "" || len(s) > 60 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return "something that is no code of its"
	}
	return s
}
