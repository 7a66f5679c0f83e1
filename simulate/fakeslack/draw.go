package fakeslack

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// drawn is a page as the template reads it.
type drawn struct {
	Workspace, Version, Token, Flash, Command, Now string
	Users                                          []User
	User                                           *User
	Channels                                       []Channel
	Channel                                        *Channel
	Messages                                       []drawnMessage
	Thread                                         []drawnMessage // with the message that it hangs on
	ThreadTS                                       string
	Confirm                                        *drawnConfirm
	Modal                                          *drawnModal
	Pending                                        []string
}

type drawnMessage struct {
	TS, Anchor, Author, Initial, Clock, Notified string
	App, Private, Edited, Deleted                bool
	Text                                         template.HTML
	Blocks                                       []drawnBlock
	Files                                        []string
	Replies                                      int
	State                                        string // of what was pressed here
	Thread                                       string // is carried along by forms
}

type drawnBlock struct {
	Kind, Alt, Title string
	Text             template.HTML
	Fields           []template.HTML
	Buttons          []Button
	Children         []drawnBlock
	Collapsed        bool
	Chart            *drawnChart
	Input            *drawnInput
}

type drawnInput struct {
	Name, Label, Hint string
	Lines, Optional   bool
}

type drawnConfirm struct {
	Confirm
	TS, Action string
	Body       template.HTML
}

type drawnModal struct {
	Title, Submit, Close string
	Blocks               []drawnBlock
}

// draw makes the page of a channel for a user. The caller holds the lock.
func (s *Server) draw(ch *Channel, u *User, thread, press, button string) drawn {
	loc, err := time.LoadLocation(u.TZ)
	if err != nil {
		loc = time.UTC
	}
	r := &renderer{ws: &s.ws, loc: loc, now: s.clk.Now()}
	p := drawn{
		Workspace: s.ws.Domain, Version: s.version(), Token: s.people.token(u.ID), Flash: s.people.flash[u.ID], Command: s.opts.Command,
		Now: s.clk.Now().In(loc).Format("Mon 2 Jan 15:04 MST"), User: u, Channel: ch,
	}
	for _, other := range s.ws.Users {
		if !other.Bot && !other.Deleted {
			p.Users = append(p.Users, other)
		}
	}
	for _, c := range s.ws.Channels {
		if !c.Private || c.has(u.ID) {
			p.Channels = append(p.Channels, c)
		}
	}
	replies := map[string]int{}
	for _, m := range s.store.messages {
		if m.Channel == ch.ID && m.Thread != "" && !m.Deleted && (m.To == "" || m.To == u.ID) {
			replies[m.Thread]++
		}
	}
	for _, m := range s.store.messages {
		if m.Channel != ch.ID || (m.To != "" && m.To != u.ID) || (m.Deleted && replies[m.TS] == 0) {
			continue
		}
		one := s.drawMessage(r, u, m, replies[m.TS])
		if m.Thread == "" {
			p.Messages = append(p.Messages, one)
		}
		if thread != "" && (m.TS == thread || m.Thread == thread) {
			one.Thread = thread
			p.Thread, p.ThreadTS = append(p.Thread, one), thread
		}
		if m.TS == press && !m.Deleted {
			p.Confirm = drawConfirm(r, m, button)
		}
	}
	if v := s.views.modals[u.ID]; v != nil {
		p.Modal = drawModal(r, v)
	}
	for _, a := range s.people.acts {
		if a.user == u.ID && a.ts == "" {
			if state := a.state(); state != "" {
				p.Pending = append(p.Pending, a.what+": "+state)
			}
		}
	}
	return p
}

// state says what became of something that was done on the page, and nothing
// when all is well.
func (a act) state() string {
	d := a.d
	switch {
	case d.err != nil:
		return "⚠️ warden did not answer. Nothing more is tried."
	case d.settled:
		return ""
	case len(d.attempts) == 0:
		return "⏳ warden is not connected"
	case d.timeouts > 0:
		return fmt.Sprintf("⚠️ warden did not answer within 3 seconds; attempt %d", len(d.attempts))
	}
	return "⏳ sent"
}

func (s *Server) drawMessage(r *renderer, u *User, m *Message, replies int) drawnMessage {
	author := s.ws.user(m.User)
	if author == nil {
		author = &User{Name: m.User, RealName: m.User}
	}
	one := drawnMessage{
		TS: m.TS, Anchor: anchor(m.TS), Author: author.RealName, Initial: initial(author.RealName), Clock: m.At.In(r.loc).Format("15:04"),
		App: author.Bot, Private: m.To != "", Edited: !m.EditedAt.IsZero(), Deleted: m.Deleted, Files: m.Files, Replies: replies,
	}
	if m.Deleted {
		return one
	}
	var blocks []object
	if json.Unmarshal(m.Blocks, &blocks) == nil && len(blocks) > 0 {
		one.Blocks, one.Notified = drawBlocks(r, blocks), unescape(m.Text)
	} else {
		one.Text = r.mrkdwn(m.Text)
	}
	for _, a := range s.people.acts {
		if a.user == u.ID && a.ts == m.TS {
			one.State = ""
			if state := a.state(); state != "" {
				one.State = a.what + ": " + state
			}
		}
	}
	return one
}

func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return "?"
}

func drawConfirm(r *renderer, m *Message, action string) *drawnConfirm {
	for _, b := range m.Buttons() {
		if b.ActionID == action && b.Confirm != nil {
			return &drawnConfirm{Confirm: *b.Confirm, TS: m.TS, Action: action, Body: r.mrkdwn(b.Confirm.Text)}
		}
	}
	return nil
}

func drawModal(r *renderer, v *View) *drawnModal {
	part := func(name string) string {
		o, _ := v.raw[name].(object)
		return str(o, "text")
	}
	blocks, _ := v.raw["blocks"].([]object)
	return &drawnModal{Title: v.Title, Submit: part("submit"), Close: part("close"), Blocks: drawBlocks(r, blocks)}
}

// text draws a text object.
func (r *renderer) text(v any) template.HTML {
	o, _ := v.(object)
	if str(o, "type") == "plain_text" {
		return r.plain(str(o, "text"))
	}
	return r.mrkdwn(str(o, "text"))
}

func drawBlocks(r *renderer, blocks []object) []drawnBlock {
	var out []drawnBlock
	for _, b := range blocks {
		one := drawnBlock{Kind: str(b, "type")}
		switch one.Kind {
		case "header", "section":
			if b["text"] != nil {
				one.Text = r.text(b["text"])
			}
			fields, _ := b["fields"].([]any)
			for _, f := range fields {
				one.Fields = append(one.Fields, r.text(f))
			}
			one.Buttons = buttons([]object{b})
		case "context":
			elements, _ := b["elements"].([]any)
			for _, e := range elements {
				o, _ := e.(object)
				if str(o, "type") == "image" {
					one.Fields = append(one.Fields, r.plain("[image: "+str(o, "alt_text")+"]"))
					continue
				}
				one.Fields = append(one.Fields, r.text(e))
			}
		case "actions":
			one.Buttons = buttons([]object{b})
		case "markdown":
			one.Text = r.plain(str(b, "text"))
		case "rich_text":
			one.Text = r.plain(flatten(b["elements"]))
		case "image":
			one.Alt = str(b, "alt_text")
		case "container":
			title, _ := b["title"].(object)
			one.Title, one.Collapsed = str(title, "text"), b["default_collapsed"] == true
			one.Children = drawBlocks(r, children(b))
		case "data_visualization":
			one.Title, one.Chart = str(b, "title"), drawChart(b)
		case "input":
			label, _ := b["label"].(object)
			hint, _ := b["hint"].(object)
			element, _ := b["element"].(object)
			one.Input = &drawnInput{
				Name: "input." + str(b, "block_id"), Label: str(label, "text"), Hint: str(hint, "text"),
				Lines: element["multiline"] == true, Optional: b["optional"] == true,
			}
		}
		out = append(out, one)
	}
	return out
}

// flatten joins the texts of a rich_text block.
func flatten(v any) string {
	switch v := v.(type) {
	case []any:
		var out strings.Builder
		for _, one := range v {
			out.WriteString(flatten(one))
		}
		return out.String()
	case object:
		return str(v, "text") + flatten(v["elements"])
	}
	return ""
}
