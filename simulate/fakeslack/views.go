package fakeslack

import (
	"encoding/json"
	"maps"
	"time"

	"warden/internal/clock"
)

// View is a modal or a home tab that a user sees.
type View struct {
	ID, Type, CallbackID, PrivateMetadata string
	// Title is the modal's.
	Title string
	// User is who sees it.
	User string
	// Blocks is a JSON array with Slack's ids filled in.
	Blocks json.RawMessage
	// raw is the view as it was sent.
	raw object
}

// views are what is open on people's screens.
type views struct {
	triggers map[string]*trigger
	modals   map[string]*View // by user: the modal on top
	homes    map[string]*View // by user
}

// trigger is the right to open one view for a user, for a short while.
type trigger struct {
	user string
	ends clock.Deadline
	used bool
}

func (v *views) init() {
	v.triggers, v.modals, v.homes = map[string]*trigger{}, map[string]*View{}, map[string]*View{}
}

// trigger gives out a trigger_id for something that a user did. The caller
// holds the lock.
func (s *Server) trigger(user string) string {
	id := s.id("1.1.trigger")
	s.views.triggers[id] = &trigger{user: user, ends: clock.NewDeadline(s.wire, time.Duration(ruleTrigger.limit())*time.Second)}
	return id
}

// Modal returns the modal that a user has open.
func (s *Server) Modal(user string) (View, bool) {
	return s.view(user, func(v *views) map[string]*View { return v.modals })
}

// Home returns the app's home tab as a user sees it.
func (s *Server) Home(user string) (View, bool) {
	return s.view(user, func(v *views) map[string]*View { return v.homes })
}

func (s *Server) view(user string, of func(*views) map[string]*View) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := of(&s.views)[user]
	if v == nil {
		return View{}, false
	}
	return *v, true
}

// readView checks a view of a type.
func (s *Server) readView(raw []byte, kind string) (*View, *refusal) {
	var o object
	if json.Unmarshal(raw, &o) != nil {
		return nil, refuse(ruleViewType, "view must be an object")
	}
	if str(o, "type") != kind {
		return nil, refuse(ruleViewType, "must be one of: "+kind+" [json-pointer:/view/type]")
	}
	k := &checker{surface: kind, blockIDs: map[string]bool{}}
	if kind == surfaceModal {
		k.textObject(o["title"], "/view/title", ruleViewTitle, "plain_text")
		for _, name := range []string{"submit", "close"} {
			if o[name] != nil {
				k.textObject(o[name], "/view/"+name, ruleViewButton, "plain_text")
			}
		}
	}
	k.length(ruleViewMetadata, "/view/private_metadata", str(o, "private_metadata"))
	k.length(ruleViewCallback, "/view/callback_id", str(o, "callback_id"))
	blocks, no := s.checkBlocks(encode(o["blocks"]), kind)
	if no != nil {
		return nil, no
	}
	for _, b := range blocks {
		if str(b, "type") == "input" && o["submit"] == nil && kind == surfaceModal {
			k.bad(ruleViewButton, "/view/submit", "missing required field: submit")
		}
	}
	if len(k.messages) > 0 {
		return nil, &refusal{rule: k.rule, err: "invalid_arguments", messages: k.messages}
	}
	title, _ := o["title"].(object)
	o["blocks"] = blocks
	return &View{
		ID: s.id("V"), Type: kind, CallbackID: str(o, "callback_id"), PrivateMetadata: str(o, "private_metadata"),
		Title: str(title, "text"), Blocks: encode(blocks), raw: o,
	}, nil
}

// sent is a view as the API and what is sent to apps show it.
func (s *Server) sent(v *View) object {
	o := object{}
	maps.Copy(o, v.raw)
	o["id"], o["team_id"], o["app_id"], o["bot_id"], o["root_view_id"], o["hash"] = v.ID, s.ws.ID, AppID, BotID, v.ID, v.ID
	return o
}

func (s *Server) viewsOpen(c *call) (answer, *refusal) {
	t := s.views.triggers[c.str("trigger_id")]
	switch {
	case t == nil:
		return nil, &refusal{rule: ruleTrigger, err: "invalid_trigger_id"}
	case t.used:
		return nil, &refusal{rule: ruleTrigger, err: "exchanged_trigger_id"}
	case t.ends.Expired():
		return nil, refuse(ruleTrigger)
	}
	v, no := s.readView([]byte(c.str("view")), surfaceModal)
	if no != nil {
		return nil, no
	}
	t.used, v.User = true, t.user
	if !c.lie {
		s.views.modals[t.user] = v
	}
	return answer{"view": s.sent(v)}, nil
}

func (s *Server) viewsPublish(c *call) (answer, *refusal) {
	u := s.ws.user(c.str("user_id"))
	if u == nil || u.Deleted {
		return nil, refuse(ruleUserKnown)
	}
	v, no := s.readView([]byte(c.str("view")), surfaceHome)
	if no != nil {
		return nil, no
	}
	v.User = u.ID
	if !c.lie {
		s.views.homes[u.ID] = v
	}
	return answer{"view": s.sent(v)}, nil
}

func (s *Server) viewsUpdate(c *call) (answer, *refusal) {
	for user, open := range s.views.modals {
		if open.ID != c.str("view_id") {
			continue
		}
		v, no := s.readView([]byte(c.str("view")), surfaceModal)
		if no != nil {
			return nil, no
		}
		v.ID, v.User = open.ID, user
		if !c.lie {
			s.views.modals[user] = v
		}
		return answer{"view": s.sent(v)}, nil
	}
	return nil, &refusal{rule: ruleViewType, err: "not_found"}
}
