package fakeslack

import (
	"slices"
	"strconv"
	"strings"
)

func (s *Server) usersInfo(c *call) (answer, *refusal) {
	u := s.ws.user(c.str("user"))
	if u == nil {
		return nil, refuse(ruleUserKnown)
	}
	return answer{"user": s.profile(u)}, nil
}

func (s *Server) usersLookup(c *call) (answer, *refusal) {
	email := c.str("email")
	i := slices.IndexFunc(s.ws.Users, func(u User) bool {
		return u.Email != "" && strings.EqualFold(u.Email, email) && !u.Deleted && u.Team == s.ws.ID
	})
	if i < 0 {
		return nil, &refusal{rule: ruleUserKnown, err: "users_not_found"}
	}
	return answer{"user": s.profile(&s.ws.Users[i])}, nil
}

// profile is what apps get to know of a user: the e-mail only with its scope,
// and never a stranger's.
func (s *Server) profile(u *User) answer {
	stranger := u.Team != s.ws.ID
	profile := answer{"real_name": u.RealName, "display_name": u.Name, "team": u.Team}
	if u.Email != "" && !stranger && s.scope("users:read.email") {
		profile["email"] = u.Email
	}
	a := answer{
		"id": u.ID, "team_id": u.Team, "name": u.Name, "real_name": u.RealName, "deleted": u.Deleted, "is_bot": u.Bot,
		"is_app_user": false, "profile": profile,
	}
	if stranger {
		a["is_stranger"] = true
	}
	if u.Deleted {
		return a
	}
	a["is_email_confirmed"] = u.Email != "" && !u.Unconfirmed
	a["tz"], a["is_restricted"], a["is_ultra_restricted"] = u.TZ, u.Restricted || u.Ultra, u.Ultra
	return a
}

func (s *Server) usergroupsList(c *call) (answer, *refusal) {
	groups := []answer{}
	for _, g := range s.ws.Groups {
		if g.Disabled && !c.flag("include_disabled") {
			continue
		}
		a := answer{"id": g.ID, "team_id": s.ws.ID, "is_usergroup": true, "name": g.Name, "handle": g.Handle, "date_delete": 0}
		if g.Disabled {
			a["date_delete"] = 1
		}
		if c.flag("include_users") {
			a["users"] = append([]string{}, g.Users...)
		}
		if c.flag("include_count") {
			a["user_count"] = len(g.Users)
		}
		groups = append(groups, a)
	}
	return answer{"usergroups": groups}, nil
}

func (s *Server) usergroupsUsers(c *call) (answer, *refusal) {
	id := c.str("usergroup")
	i := slices.IndexFunc(s.ws.Groups, func(g Group) bool { return g.ID == id })
	if i < 0 || (s.ws.Groups[i].Disabled && !c.flag("include_disabled")) {
		return nil, &refusal{rule: ruleUserKnown, err: "no_such_subteam"}
	}
	return answer{"users": append([]string{}, s.ws.Groups[i].Users...)}, nil
}

// about is a channel as the API shows it.
func about(ch *Channel) answer {
	return answer{
		"id": ch.ID, "name": ch.Name, "is_channel": !ch.Private, "is_group": ch.Private, "is_private": ch.Private,
		"is_archived": ch.Archived, "is_member": ch.has(BotUser), "num_members": len(ch.Members),
	}
}

// reads checks the scope that a channel of this kind needs: what is channels:
// for a public one is groups: for a private one.
func (s *Server) reads(ch *Channel, what string) *refusal {
	scope := "channels:" + what
	if ch.Private {
		scope = "groups:" + what
	}
	if !s.scope(scope) {
		return s.missing(scope)
	}
	return nil
}

func (s *Server) conversationsInfo(c *call) (answer, *refusal) {
	ch, no := s.visible(c.str("channel"))
	if no == nil {
		no = s.reads(ch, "read")
	}
	if no != nil {
		return nil, no
	}
	return answer{"channel": about(ch)}, nil
}

func (s *Server) conversationsJoin(c *call) (answer, *refusal) {
	ch, no := s.visible(c.str("channel"))
	switch {
	case no != nil:
		return nil, no
	case ch.Archived:
		return nil, refuse(ruleChannelArchived)
	case ch.Private:
		return nil, &refusal{rule: ruleChannelKnown, err: "method_not_supported_for_channel_type"}
	}
	if !ch.has(BotUser) && !c.lie {
		ch.Members = append(ch.Members, BotUser)
	}
	return answer{"channel": about(ch)}, nil
}

// page cuts a list as cursors do. The cursor is where the next page begins.
func page[T any](c *call, list []T, most int) ([]T, string) {
	from, _ := strconv.Atoi(c.str("cursor"))
	from = min(max(from, 0), len(list))
	size := c.number("limit", most)
	if size < 1 {
		size = most
	}
	to := min(from+min(size, 1000), len(list))
	if to < len(list) {
		return list[from:to], strconv.Itoa(to)
	}
	return list[from:to], ""
}

func (s *Server) conversationsList(c *call) (answer, *refusal) {
	types := c.str("types")
	if types == "" {
		types = "public_channel"
	}
	var all []answer
	for i := range s.ws.Channels {
		ch := &s.ws.Channels[i]
		kind, scope := "public_channel", "channels:read"
		if ch.Private {
			kind, scope = "private_channel", "groups:read"
		}
		if !slices.Contains(strings.Split(types, ","), kind) || (ch.Archived && c.flag("exclude_archived")) || (ch.Private && !ch.has(BotUser)) {
			continue
		}
		if !s.scope(scope) {
			return nil, s.missing(scope)
		}
		all = append(all, about(ch))
	}
	part, next := page(c, all, 100)
	return answer{"channels": append([]answer{}, part...), "response_metadata": answer{"next_cursor": next}}, nil
}

// readable finds a channel whose messages the bot may read.
func (s *Server) readable(c *call) (*Channel, *refusal) {
	ch, no := s.visible(c.str("channel"))
	if no == nil {
		no = s.reads(ch, "history")
	}
	if no == nil && !ch.has(BotUser) {
		no = refuse(ruleChannelIn)
	}
	return ch, no
}

// within says whether a timestamp lies in what was asked for.
func within(c *call, ts string) bool {
	oldest, latest, inclusive := c.str("oldest"), c.str("latest"), c.flag("inclusive")
	number := func(text string) float64 {
		v, _ := strconv.ParseFloat(text, 64)
		return v
	}
	t := number(ts)
	if o := number(oldest); oldest != "" && (t < o || (t == o && !inclusive)) {
		return false
	}
	if l := number(latest); latest != "" && (t > l || (t == l && !inclusive)) {
		return false
	}
	return true
}

func (s *Server) conversationsHistory(c *call) (answer, *refusal) {
	ch, no := s.readable(c)
	if no != nil {
		return nil, no
	}
	var all []answer
	for _, m := range slices.Backward(s.store.messages) {
		if m.Channel == ch.ID && m.Thread == "" && m.To == "" && !m.Deleted && within(c, m.TS) {
			all = append(all, shown(m, c.flag("include_all_metadata")))
		}
	}
	part, next := page(c, all, 100)
	return answer{"messages": append([]answer{}, part...), "has_more": next != "", "response_metadata": answer{"next_cursor": next}}, nil
}

func (s *Server) conversationsReplies(c *call) (answer, *refusal) {
	ch, no := s.readable(c)
	if no != nil {
		return nil, no
	}
	root := c.str("ts")
	if m := s.store.find(ch.ID, root); m == nil || m.Deleted || m.To != "" {
		return nil, refuse(ruleThread)
	}
	var all []answer
	for _, m := range s.store.messages {
		if m.Channel == ch.ID && (m.TS == root || m.Thread == root) && m.To == "" && !m.Deleted && within(c, m.TS) {
			all = append(all, shown(m, c.flag("include_all_metadata")))
		}
	}
	part, next := page(c, all, 1000)
	return answer{"messages": append([]answer{}, part...), "has_more": next != "", "response_metadata": answer{"next_cursor": next}}, nil
}
