package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// remembered is how long a look-up of somebody holds: leaving a group, or the
// company, counts after that at the latest.
const remembered = time.Minute

// looked is what a look-up said.
type looked struct {
	user *api.User
	id   string
	at   time.Time
}

// groupsSeen are the user groups, with who is in them.
type groupsSeen struct {
	all []api.UserGroup
	at  time.Time
}

// ErrNobody says that somebody may read here and decide nothing.
var ErrNobody = errors.New("only members of this workspace can answer: bots, guests and people of other workspaces may read")

// actor is who a Slack user is to warden. Who can't be looked up is nobody, and
// what can't be looked up gives no key: every failure takes away.
func (s *Slack) actor(ctx context.Context, x session, team, id string) (remedy.Actor, error) {
	if id == "" || team != "" && team != x.team {
		return remedy.Actor{}, ErrNobody
	}
	u, err := s.user(ctx, x, id)
	if err != nil {
		return remedy.Actor{}, fmt.Errorf("%w (%w), so nothing was done: try again, or use the command line", errUnknown, err)
	}
	if u.ID != id || u.Deleted || u.IsBot || u.IsAppUser || u.IsWorkflowBot || u.IsConnectorBot || u.IsRestricted || u.IsUltraRestricted || u.IsStranger || u.TeamID != x.team || id == "USLACKBOT" {
		return remedy.Actor{}, ErrNobody
	}
	key := "slack:" + id
	a := remedy.Actor{Name: key, Keys: []string{key}, Via: "slack", Person: true}
	if mail := strings.ToLower(u.Profile.Email); mail != "" && u.IsEmailConfirmed {
		// One that nobody has confirmed may be anybody's.
		a.Name = mail
		a.Keys = append(a.Keys, mail)
		if people := s.Settings().People; people != nil {
			if unix, ok := people(mail); ok && unix != "" {
				a.Name = unix
			}
		}
	}
	groups, err := s.userGroups(ctx, x)
	if err != nil {
		s.Logger.Warn("user groups can't be read: nobody has a group's right until they can", zap.Error(err))
	}
	for _, g := range groups {
		if g.DateDelete == 0 && slices.Contains(g.Users, id) {
			a.Keys = append(a.Keys, "slack:@"+g.Handle)
		}
	}
	return a, nil
}

func (s *Slack) user(ctx context.Context, x session, id string) (*api.User, error) {
	s.mu.Lock()
	have, ok := s.people[id]
	s.mu.Unlock()
	if ok && s.Clock.Since(have.at) < remembered {
		return have.user, nil
	}
	u, err := x.client.GetUserInfoContext(ctx, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.people) > 1000 {
		clear(s.people)
	}
	s.people[id] = looked{user: u, at: s.Clock.Now()}
	return u, nil
}

func (s *Slack) userGroups(ctx context.Context, x session) ([]api.UserGroup, error) {
	s.mu.Lock()
	have := s.groups
	s.mu.Unlock()
	if !have.at.IsZero() && s.Clock.Since(have.at) < remembered {
		return have.all, nil
	}
	all, err := x.client.GetUserGroupsContext(ctx, api.GetUserGroupsOptionIncludeUsers(true))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = groupsSeen{all: all, at: s.Clock.Now()}
	return all, nil
}

// lastGroups are the user groups as they were seen last, however long ago.
func (s *Slack) lastGroups() []api.UserGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups.all
}

// mention is who a card calls, in Slack's markup: a question those who may answer,
// an announcement those who have to hear of it. It is empty for nobody, and where
// they can't be found; it says so where the card says that on-call is called.
func (r *round) mention(ctx context.Context, k chat.Card, c *ledger.Case) string {
	if c == nil || k.State != chat.CardQuestion && k.State != chat.CardAnnounced || k.Calls == remedy.MentionNobody {
		return ""
	}
	who := chat.Called(c)
	var out []string
	for _, a := range who {
		if m := r.called(ctx, a); m != "" && !slices.Contains(out, m) {
			out = append(out, m)
		}
		if len(out) == 10 {
			break
		}
	}
	if len(out) == 0 && len(who) > 0 && k.Calls == remedy.MentionOnCall {
		return "Nobody of on-call could be found here, so nobody is called by name."
	}
	return strings.Join(out, " ")
}

// called is one approver in Slack's markup.
func (r *round) called(ctx context.Context, a remedy.Approver) string {
	key, isKey := strings.CutPrefix(a.Match, "slack:")
	handle, isGroup := strings.CutPrefix(key, "@")
	mail := a.Email
	if strings.Contains(a.Match, "@") && !isKey && !strings.HasPrefix(a.Match, "@") {
		mail = a.Match
	}
	switch {
	case isKey && isGroup:
		var groups []api.UserGroup
		if err := r.lookUp(ctx, "usergroups.list", func(ctx context.Context) (err error) {
			groups, err = r.userGroups(ctx, r.x)
			return err
		}); err != nil {
			groups = r.lastGroups() // a call decides nothing
		}
		for _, g := range groups {
			if g.Handle == handle && g.DateDelete == 0 {
				return "<!subteam^" + entities.Replace(g.ID) + ">"
			}
		}
	case isKey:
		return "<@" + entities.Replace(key) + ">"
	case mail != "":
		if id := r.byMail(ctx, mail); id != "" {
			return "<@" + entities.Replace(id) + ">"
		}
	}
	return ""
}

// byMail finds a user for a mention; empty for nobody.
func (r *round) byMail(ctx context.Context, mail string) string {
	r.mu.Lock()
	have, ok := r.ids[mail]
	r.mu.Unlock()
	if ok && r.Clock.Since(have.at) < 10*remembered {
		return have.id
	}
	id := ""
	if err := r.lookUp(ctx, "users.lookupByEmail", func(ctx context.Context) error {
		u, err := r.x.client.GetUserByEmailContext(ctx, mail)
		switch {
		case err == nil:
			id = u.ID
		case slackCode(err) == "users_not_found":
			return nil
		}
		return err
	}); err != nil {
		return have.id
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[mail] = looked{id: id, at: r.Clock.Now()}
	return id
}
