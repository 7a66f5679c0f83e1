package fakeslack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// person finds a user who can act in a channel. The caller holds the lock.
func (s *Server) person(user, channel string) (*User, *Channel, error) {
	u, ch := s.ws.user(user), s.ws.channel(channel)
	switch {
	case u == nil:
		return nil, nil, fmt.Errorf("fakeslack: there is no user %q", user)
	case ch == nil:
		return nil, nil, fmt.Errorf("fakeslack: there is no channel %q", channel)
	case ch.Private && !ch.has(user):
		return nil, nil, fmt.Errorf("fakeslack: %s doesn't see the private channel %s", u.Name, ch.Name)
	}
	return u, ch, nil
}

// Click clicks a button of a message as a user, and confirms it where the
// button asks. It refuses what the user could not do on screen: a message that
// was deleted or is another's, a button that isn't there any more.
func (s *Server) Click(user, channel, ts, actionID string) (*Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	payload, err := s.click(user, channel, ts, actionID)
	if err != nil {
		return nil, err
	}
	return s.deliver(&Delivery{Kind: KindInteractive, Payload: encode(payload), user: user, channel: channel}), nil
}

// Clicked makes the payload of a click without sending it, to be sent in
// another form with Deliver, or later, when the button may be gone: a click on a
// screen that was not up to date.
func (s *Server) Clicked(user, channel, ts, actionID string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	payload, err := s.click(user, channel, ts, actionID)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(encode(payload), &out)
}

func (s *Server) click(user, channel, ts, actionID string) (answer, error) {
	u, ch, err := s.person(user, channel)
	if err != nil {
		return nil, err
	}
	m := s.store.find(ch.ID, ts)
	if m == nil || m.Deleted || (m.To != "" && m.To != user) {
		return nil, fmt.Errorf("fakeslack: %s sees no message %s in %s", u.Name, ts, ch.Name)
	}
	all := m.Buttons()
	i := slices.IndexFunc(all, func(b Button) bool { return b.ActionID == actionID })
	if i < 0 {
		return nil, fmt.Errorf("fakeslack: the message %s has no button %q", ts, actionID)
	}
	b, at := all[i], s.store.stamp(s.clk.Now())
	action := answer{
		"type": "button", "action_id": b.ActionID, "block_id": b.BlockID, "action_ts": at,
		"text": answer{"type": "plain_text", "text": b.Text, "emoji": true},
	}
	for name, v := range map[string]string{"value": b.Value, "style": b.Style, "url": b.URL} {
		if v != "" {
			action[name] = v
		}
	}
	container := answer{"type": "message", "message_ts": m.TS, "channel_id": ch.ID, "is_ephemeral": m.To != ""}
	if m.Thread != "" {
		container["thread_ts"] = m.Thread
	}
	payload := s.common(u)
	payload["type"], payload["container"], payload["actions"] = "block_actions", container, []answer{action}
	payload["channel"] = answer{"id": ch.ID, "name": ch.Name}
	payload["state"] = answer{"values": answer{}}
	payload["trigger_id"] = s.trigger(user)
	payload["response_url"] = s.hook(user, ch.ID, m.TS, m.Thread)
	if m.To == "" {
		payload["message"] = shown(m, true)
	}
	return payload, nil
}

// common is what every interaction says.
func (s *Server) common(u *User) answer {
	return answer{
		"api_app_id": AppID, "token": "verification", "enterprise": nil, "is_enterprise_install": false,
		"team": answer{"id": s.ws.ID, "domain": s.ws.Domain},
		"user": answer{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team},
	}
}

// Slash says the app's slash command with a text in a channel. Slack has no
// slash commands in threads.
func (s *Server) Slash(user, channel, text string) (*Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch, err := s.person(user, channel)
	if err != nil {
		return nil, err
	}
	if !s.scope("commands") {
		return nil, fmt.Errorf("fakeslack: the app has no slash command: it wants the scope commands")
	}
	payload := answer{
		"token": "verification", "team_id": s.ws.ID, "team_domain": s.ws.Domain, "channel_id": ch.ID, "channel_name": ch.Name,
		"user_id": u.ID, "user_name": u.Name, "command": s.opts.Command, "text": text, "api_app_id": AppID,
		"is_enterprise_install": "false", "response_url": s.hook(user, ch.ID, "", ""), "trigger_id": s.trigger(user),
	}
	return s.deliver(&Delivery{Kind: KindSlash, Payload: encode(payload), user: user, channel: ch.ID}), nil
}

// Mention says something to the app in a channel where it is, in a thread if
// thread is the TS of a message. It returns the timestamp of what was said.
func (s *Server) Mention(user, channel, thread, text string) (*Delivery, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch, err := s.person(user, channel)
	switch {
	case err != nil:
		return nil, "", err
	case !ch.has(BotUser):
		return nil, "", fmt.Errorf("fakeslack: the app isn't in %s, so it hears nothing there", ch.Name)
	case !s.scope("app_mentions:read"):
		return nil, "", fmt.Errorf("fakeslack: the app hears no mentions: it wants the scope app_mentions:read")
	}
	text = strings.TrimSpace("<@" + BotUser + "> " + text)
	m := s.store.add(Message{Channel: ch.ID, Thread: thread, User: user, Text: text}, s.clk.Now())
	event := answer{"type": "app_mention", "user": user, "text": text, "ts": m.TS, "channel": ch.ID, "event_ts": m.TS, "team": u.Team}
	if thread != "" {
		event["thread_ts"] = thread
	}
	payload := answer{
		"token": "verification", "team_id": s.ws.ID, "api_app_id": AppID, "type": "event_callback", "event": event,
		"event_id": s.id("Ev"), "event_time": m.At.Unix(), "is_ext_shared_channel": false,
		"authorizations": []answer{{"enterprise_id": nil, "team_id": s.ws.ID, "user_id": BotUser, "is_bot": true, "is_enterprise_install": false}},
	}
	return s.deliver(&Delivery{Kind: KindEvent, Payload: encode(payload), user: user, channel: ch.ID}), m.TS, nil
}

// SubmitView submits the modal that a user has open, with a text for each input
// block by its block_id.
func (s *Server) SubmitView(user string, inputs map[string]string) (*Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, v := s.ws.user(user), s.views.modals[user]
	if u == nil || v == nil {
		return nil, fmt.Errorf("fakeslack: %s has no modal open", user)
	}
	values := answer{}
	blocks, _ := v.raw["blocks"].([]object)
	for _, one := range blocks {
		if str(one, "type") != "input" {
			continue
		}
		block := str(one, "block_id")
		element, _ := one["element"].(object)
		if inputs[block] == "" && one["optional"] != true {
			return nil, fmt.Errorf("fakeslack: the input %q must be filled in", block)
		}
		values[block] = answer{str(element, "action_id"): answer{"type": str(element, "type"), "value": inputs[block]}}
	}
	view := s.sent(v)
	view["state"] = answer{"values": values}
	payload := s.common(u)
	payload["type"], payload["view"], payload["response_urls"], payload["trigger_id"] = "view_submission", view, []answer{}, s.trigger(user)
	return s.deliver(&Delivery{Kind: KindInteractive, Payload: encode(payload), user: user, modal: v}), nil
}
