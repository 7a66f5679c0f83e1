package fakeslack

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Message is a message as it stands now.
type Message struct {
	// Channel is an id, TS the message's own id there: seconds and a count.
	Channel, TS string
	// Thread is the TS of the message that this one replies to; empty for one
	// that stands in the channel.
	Thread string
	// User is the author's id.
	User string
	// Text is what notifications and screen readers get, and what is shown where
	// there are no Blocks.
	Text string
	// Blocks is a JSON array as it was sent, with Slack's ids filled in; empty if
	// there are none.
	Blocks json.RawMessage
	// Metadata is what the app gave along, for machines.
	Metadata json.RawMessage
	// To is who alone sees it: an ephemeral message. Others have none.
	To string
	// Deleted messages are seen by nobody.
	Deleted bool
	// At is when it was posted, EditedAt when it last changed; zero if never.
	At, EditedAt time.Time
	// Was holds what it said before each edit, oldest first.
	Was []Version
	// Files are the names of files that hang on it.
	Files []string
}

// Version is what a message said once.
type Version struct {
	Text   string
	Blocks json.RawMessage
	// Until is when it was edited.
	Until time.Time
}

// Button is a button that can be clicked.
type Button struct {
	ActionID, BlockID, Text, Value, Style string
	// URL is opened in the browser beside, where there is one.
	URL string
	// Confirm is asked before the click counts; nil without.
	Confirm *Confirm
}

// Confirm is Slack's own dialog.
type Confirm struct{ Title, Text, Confirm, Deny, Style string }

// clone is a copy that shares nothing.
func (m Message) clone() Message {
	m.Blocks, m.Metadata = slices.Clone(m.Blocks), slices.Clone(m.Metadata)
	m.Was, m.Files = slices.Clone(m.Was), slices.Clone(m.Files)
	return m
}

// Buttons are the message's buttons, in order of reading.
func (m Message) Buttons() []Button {
	var blocks []object
	if json.Unmarshal(m.Blocks, &blocks) != nil {
		return nil
	}
	return buttons(blocks)
}

func buttons(blocks []object) []Button {
	var found []Button
	for _, b := range blocks {
		elements, _ := b["elements"].([]any)
		for _, one := range append(slices.Clone(elements), b["accessory"]) {
			e, ok := one.(object)
			if !ok || str(e, "type") != "button" {
				continue
			}
			text, _ := e["text"].(object)
			button := Button{
				ActionID: str(e, "action_id"), BlockID: str(b, "block_id"), Text: str(text, "text"),
				Value: str(e, "value"), Style: str(e, "style"), URL: str(e, "url"),
			}
			if c, ok := e["confirm"].(object); ok {
				part := func(name string) string {
					o, _ := c[name].(object)
					return str(o, "text")
				}
				button.Confirm = &Confirm{Title: part("title"), Text: part("text"), Confirm: part("confirm"), Deny: part("deny"), Style: str(c, "style")}
			}
			found = append(found, button)
		}
		found = append(found, buttons(children(b))...)
	}
	return found
}

// store holds every message, deleted ones too, in order of posting.
type store struct {
	messages []*Message
	last     int64 // microseconds of the newest timestamp
}

// stamp makes the next timestamp. They only grow, and no two are equal.
func (st *store) stamp(now time.Time) string {
	st.last = max(st.last+1, now.UnixMicro())
	return fmt.Sprintf("%d.%06d", st.last/1e6, st.last%1e6)
}

func (st *store) find(channel, ts string) *Message {
	i := slices.IndexFunc(st.messages, func(m *Message) bool { return m.Channel == channel && m.TS == ts })
	if i < 0 {
		return nil
	}
	return st.messages[i]
}

// add posts a message at a time and returns its timestamp.
func (st *store) add(m Message, now time.Time) *Message {
	m.TS, m.At = st.stamp(now), now
	st.messages = append(st.messages, &m)
	return &m
}

// edit changes what a message says and keeps what it said.
func (m *Message) edit(text string, blocks json.RawMessage, now time.Time) {
	m.Was = append(m.Was, Version{Text: m.Text, Blocks: m.Blocks, Until: now})
	m.Text, m.Blocks, m.EditedAt = text, blocks, now
}

// choose returns copies of the messages that a test picks, in order of posting.
func (s *Server) choose(keep func(*Message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.store.messages {
		if keep(m) {
			out = append(out, m.clone())
		}
	}
	return out
}

// Messages returns what stands in a channel, without replies, ephemerals and
// what was deleted, oldest first.
func (s *Server) Messages(channel string) []Message {
	return s.choose(func(m *Message) bool { return m.Channel == channel && m.Thread == "" && m.To == "" && !m.Deleted })
}

// Thread returns the replies to a message, without those that were deleted.
func (s *Server) Thread(channel, ts string) []Message {
	return s.choose(func(m *Message) bool { return m.Channel == channel && m.Thread == ts && m.To == "" && !m.Deleted })
}

// Ephemerals returns what one user alone sees in a channel.
func (s *Server) Ephemerals(user, channel string) []Message {
	return s.choose(func(m *Message) bool { return m.Channel == channel && m.To == user && !m.Deleted })
}

// Everything returns all that was ever posted to any channel, deleted or not.
func (s *Server) Everything() []Message { return s.choose(func(*Message) bool { return true }) }

// Message returns one message, deleted or not.
func (s *Server) Message(channel, ts string) (Message, bool) {
	all := s.choose(func(m *Message) bool { return m.Channel == channel && m.TS == ts })
	if len(all) == 0 {
		return Message{}, false
	}
	return all[0], true
}

// Delete deletes a message, as an administrator may.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.store.find(channel, ts); m != nil {
		m.Deleted = true
	}
}

// Post says something in a channel as a user, with replies to thread if it
// isn't empty, and returns its timestamp. Apps aren't told: see Mention.
func (s *Server) Post(user, channel, thread, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.add(Message{Channel: channel, Thread: thread, User: user, Text: text}, s.clk.Now()).TS
}
