package fakeslack

import (
	"encoding/json"
	"fmt"
	"slices"
)

// OpenHome opens the app's home tab as a user. The event needs no scope
// (https://docs.slack.dev/reference/events/app_home_opened).
func (s *Server) OpenHome(user string) (*Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.ws.user(user)
	if u == nil {
		return nil, fmt.Errorf("fakeslack: there is no user %q", user)
	}
	event := answer{"type": "app_home_opened", "user": user, "channel": "D" + user, "tab": "home", "event_ts": s.store.stamp(s.clk.Now())}
	if v := s.views.homes[user]; v != nil {
		event["view"] = s.sent(v)
	}
	payload := answer{
		"token": "verification", "team_id": s.ws.ID, "api_app_id": AppID, "type": "event_callback", "event": event,
		"event_id": s.id("Ev"), "event_time": s.clk.Now().Unix(), "is_ext_shared_channel": false,
		"authorizations": []answer{{"enterprise_id": nil, "team_id": s.ws.ID, "user_id": BotUser, "is_bot": true, "is_enterprise_install": false}},
	}
	return s.deliver(&Delivery{Kind: KindEvent, Payload: encode(payload), user: user}), nil
}

// ClickHome clicks a button of the home tab that a user sees. There is neither a
// message nor a channel in what is sent
// (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload).
func (s *Server) ClickHome(user, actionID string) (*Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, v := s.ws.user(user), s.views.homes[user]
	if u == nil || v == nil {
		return nil, fmt.Errorf("fakeslack: %s has no home", user)
	}
	var blocks []struct {
		ID       string `json:"block_id"`
		Elements []struct {
			ActionID string `json:"action_id"`
			Value    string `json:"value"`
		} `json:"elements"`
	}
	if err := json.Unmarshal(v.Blocks, &blocks); err != nil {
		return nil, err
	}
	for _, b := range blocks {
		for _, e := range slices.Backward(b.Elements) {
			if e.ActionID != actionID {
				continue
			}
			payload := s.common(u)
			payload["type"], payload["view"], payload["trigger_id"] = "block_actions", s.sent(v), s.trigger(user)
			payload["container"] = answer{"type": "view", "view_id": v.ID}
			payload["actions"] = []answer{{"type": "button", "action_id": actionID, "block_id": b.ID, "value": e.Value, "action_ts": s.store.stamp(s.clk.Now())}}
			return s.deliver(&Delivery{Kind: KindInteractive, Payload: encode(payload), user: user}), nil
		}
	}
	return nil, fmt.Errorf("fakeslack: the home of %s has no button %q", user, actionID)
}
