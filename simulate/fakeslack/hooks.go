package fakeslack

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"warden/internal/clock"
)

// hooks are the response_urls that were given out.
type hooks struct{ byID map[string]*hook }

// hook is one response_url: where, for whom, and about which message.
type hook struct {
	user, channel, ts, thread string
	ends                      clock.Deadline
	uses                      int
}

// hook makes a response_url. The caller holds the lock.
func (s *Server) hook(user, channel, ts, thread string) string {
	id := s.id("hook")
	s.hooks.byID[id] = &hook{
		user: user, channel: channel, ts: ts, thread: thread,
		ends: clock.NewDeadline(s.clk, time.Duration(ruleResponseURLTime.limit())*time.Second),
	}
	return s.URL() + "/hook/" + id
}

// methodResponseURL is what a call of a response_url is called by Fail, Calls
// and Breaches.
const methodResponseURL = "response_url"

// serveHook takes what an app says to a response_url.
func (s *Server) serveHook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	f, done := s.fault(r.Context(), methodResponseURL)
	c := &call{method: methodResponseURL, r: r}
	if done {
		s.noteCall(c, f.name())
		f.answer(w, r)
		return
	}
	s.mu.Lock()
	h := s.hooks.byID[r.PathValue("id")]
	var o object
	var no *refusal
	switch {
	case h == nil:
		no = &refusal{rule: ruleResponseURLTime, err: "invalid_url"}
	case h.ends.Expired():
		no = refuse(ruleResponseURLTime)
	case h.uses >= ruleResponseURLUses.limit():
		no = refuse(ruleResponseURLUses)
	case json.Unmarshal(body, &o) != nil:
		no = &refusal{rule: ruleJSON, err: "invalid_payload"}
	}
	if no == nil {
		c.channel, c.ts = h.channel, h.ts
		h.uses++
		if f.kind != faultLie {
			no = s.useHook(h, o)
		}
	}
	word := ""
	if no != nil {
		word = no.word()
		s.breach(no.rule, methodResponseURL, word)
	}
	s.mu.Unlock()
	s.noteCall(c, word)
	if f.kind == faultLate {
		f.answer(w, r)
		return
	}
	if no != nil {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(answer{"ok": false, "error": word})
		return
	}
	write(w, c, answer{}, nil)
}

// useHook does what was said to a response_url: replaces or deletes the message
// it came from, or posts another, to the user alone unless in_channel is said.
func (s *Server) useHook(h *hook, o object) *refusal {
	var blocks json.RawMessage
	if o["blocks"] != nil {
		list, no := s.checkBlocks(encode(o["blocks"]), surfaceMessage)
		if no != nil {
			return no
		}
		if len(list) > 0 {
			blocks = encode(list)
		}
	}
	text, now := str(o, "text"), s.clk.Now()
	from := s.store.find(h.channel, h.ts)
	if o["delete_original"] == true && from != nil {
		from.Deleted = true
		return nil
	}
	if text == "" && blocks == nil {
		return refuse(ruleText)
	}
	if o["replace_original"] == true && from != nil && !from.Deleted {
		from.edit(text, blocks, now)
		return nil
	}
	m := Message{Channel: h.channel, Thread: h.thread, User: BotUser, Text: text, Blocks: blocks}
	if str(o, "response_type") != "in_channel" {
		m.To = h.user
	}
	s.store.add(m, now)
	return nil
}
