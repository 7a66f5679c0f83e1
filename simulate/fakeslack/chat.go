package fakeslack

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// writable finds a channel that the bot may post to.
func (s *Server) writable(id string) (*Channel, *refusal) {
	ch, no := s.visible(id)
	switch {
	case no != nil:
		return nil, no
	case ch.Archived:
		return nil, refuse(ruleChannelArchived)
	case ch.has(BotUser), !ch.Private && s.scope("chat:write.public"):
		return ch, nil
	}
	return nil, refuse(ruleChannelIn)
}

// visible finds a channel that the bot can see at all.
func (s *Server) visible(id string) (*Channel, *refusal) {
	ch := s.ws.channel(id)
	if id == "" || ch == nil || (ch.Private && !ch.has(BotUser)) {
		return nil, refuse(ruleChannelKnown)
	}
	return ch, nil
}

// content is what a message says, as it came in.
type content struct {
	text      string
	blocks    json.RawMessage
	metadata  json.RawMessage
	hasText   bool
	hasBlocks bool
}

// content reads text, blocks and metadata. Most is the rule for the text's
// length.
func (s *Server) content(c *call, most ruleID) (content, *refusal) {
	got := content{text: c.str("text"), hasText: c.has("text")}
	if raw := strings.TrimSpace(c.str("blocks")); raw != "" {
		blocks, no := s.checkBlocks([]byte(raw), surfaceMessage)
		if no != nil {
			return got, no
		}
		got.hasBlocks = true
		if len(blocks) > 0 {
			got.blocks = encode(blocks)
		}
	}
	if raw := c.str("metadata"); raw != "" && raw != "{}" {
		if no := checkMetadata(raw); no != nil {
			return got, no
		}
		got.metadata = json.RawMessage(raw)
	}
	if n := utf8.RuneCountInString(got.text); n > most.limit() {
		if most != ruleTextPost {
			return got, refuse(most, fmt.Sprintf("%d characters", n))
		}
		// Not refused, but nobody meant it either.
		s.breach(most, c.method, fmt.Sprintf("%d characters", n))
		got.text = string([]rune(got.text)[:most.limit()])
		c.warnings = append(c.warnings, "message_truncated")
		c.notes = append(c.notes, "[WARN] Your message was truncated but still posted. The `text` field accepts up to 40,000 characters.")
	}
	return got, nil
}

func checkMetadata(raw string) *refusal {
	var m struct {
		EventType    string          `json:"event_type"`
		EventPayload json.RawMessage `json:"event_payload"`
	}
	var payload map[string]any
	if json.Unmarshal([]byte(raw), &m) != nil || m.EventType == "" || json.Unmarshal(m.EventPayload, &payload) != nil {
		return refuse(ruleMetadata)
	}
	return nil
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		// Only what was decoded from JSON is encoded again.
		panic(err)
	}
	return raw
}

// thread checks thread_ts: a reply hangs on a message that is no reply.
func (s *Server) thread(c *call, channel string) (string, *refusal) {
	ts := c.str("thread_ts")
	if ts == "" {
		return "", nil
	}
	root := s.store.find(channel, ts)
	if root == nil || root.Thread != "" || root.To != "" {
		return "", refuse(ruleThread)
	}
	return ts, nil
}

func (s *Server) chatPostMessage(c *call) (answer, *refusal) {
	ch, no := s.writable(c.str("channel"))
	if no != nil {
		return nil, no
	}
	if (c.has("username") || c.has("icon_url") || c.has("icon_emoji")) && !s.scope("chat:write.customize") {
		return nil, s.missing("chat:write.customize")
	}
	said, no := s.content(c, ruleTextPost)
	if no != nil {
		return nil, no
	}
	if said.text == "" && said.blocks == nil {
		return nil, refuse(ruleText)
	}
	thread, no := s.thread(c, ch.ID)
	if no != nil {
		return nil, no
	}
	if no := s.pace.post(s.clk.Now(), ch.ID); no != nil {
		return nil, no
	}
	now := s.clk.Now()
	m := Message{Channel: ch.ID, Thread: thread, User: BotUser, Text: said.text, Blocks: said.blocks, Metadata: said.metadata}
	if c.lie {
		m.TS = s.store.stamp(now)
	} else {
		m = *s.store.add(m, now)
	}
	c.channel, c.ts = m.Channel, m.TS
	return answer{"channel": m.Channel, "ts": m.TS, "message": shown(&m, true)}, nil
}

// own finds a message that the bot may change.
func (s *Server) own(c *call, word string) (*Message, *refusal) {
	ch, no := s.visible(c.str("channel"))
	if no != nil {
		return nil, no
	}
	c.channel, c.ts = ch.ID, c.str("ts")
	m := s.store.find(ch.ID, c.ts)
	switch {
	case m == nil || m.Deleted:
		return nil, refuse(ruleMessageKnown)
	case m.To != "" || m.User != BotUser:
		return nil, &refusal{rule: ruleMessageOwn, err: word}
	case ch.Archived:
		return nil, &refusal{rule: ruleChannelArchived, err: "is_inactive"}
	}
	return m, nil
}

func (s *Server) chatUpdate(c *call) (answer, *refusal) {
	m, no := s.own(c, "cant_update_message")
	if no != nil {
		return nil, no
	}
	said, no := s.content(c, ruleTextUpdate)
	if no != nil {
		return nil, no
	}
	text, blocks := said.text, said.blocks
	switch {
	case !said.hasText && !said.hasBlocks:
		return nil, refuse(ruleText)
	case said.hasBlocks && text == "":
		text = m.Text
	case text == "" && !said.hasBlocks:
		return nil, refuse(ruleText)
	}
	if !c.lie {
		// Text without blocks takes the blocks away: the page says so.
		m.edit(text, blocks, s.clk.Now())
		// Metadata that isn't given stays; an empty object takes it away.
		if c.str("metadata") != "" {
			m.Metadata = said.metadata
		}
	}
	return answer{"channel": m.Channel, "ts": m.TS, "text": text, "message": shown(m, true)}, nil
}

func (s *Server) chatDelete(c *call) (answer, *refusal) {
	m, no := s.own(c, "cant_delete_message")
	if no != nil {
		return nil, no
	}
	m.Deleted = m.Deleted || !c.lie
	return answer{"channel": m.Channel, "ts": m.TS}, nil
}

func (s *Server) chatPostEphemeral(c *call) (answer, *refusal) {
	ch, no := s.writable(c.str("channel"))
	if no != nil {
		return nil, no
	}
	to := s.ws.user(c.str("user"))
	if to == nil || to.Deleted || !ch.has(to.ID) {
		return nil, refuse(ruleUserIn)
	}
	said, no := s.content(c, ruleTextPost)
	if no != nil {
		return nil, no
	}
	if said.text == "" && said.blocks == nil {
		return nil, refuse(ruleText)
	}
	thread, no := s.thread(c, ch.ID)
	if no != nil {
		return nil, no
	}
	m := Message{Channel: ch.ID, Thread: thread, User: BotUser, Text: said.text, Blocks: said.blocks, To: to.ID}
	if c.lie {
		return answer{"message_ts": s.store.stamp(s.clk.Now())}, nil
	}
	kept := s.store.add(m, s.clk.Now())
	c.channel, c.ts = ch.ID, kept.TS
	return answer{"message_ts": kept.TS}, nil
}

func (s *Server) chatGetPermalink(c *call) (answer, *refusal) {
	ch, no := s.visible(c.str("channel"))
	if no != nil {
		return nil, no
	}
	m := s.store.find(ch.ID, c.str("message_ts"))
	if m == nil || m.Deleted || m.To != "" {
		return nil, refuse(ruleMessageKnown)
	}
	return answer{"channel": ch.ID, "permalink": s.permalink(m)}, nil
}

// permalink is where people find a message: on this server's page.
func (s *Server) permalink(m *Message) string {
	ts := strings.ReplaceAll(m.TS, ".", "")
	return s.URL() + "/chat/" + m.Channel + "#p" + ts
}

// shown is a message as the API and what is sent to apps show it.
func shown(m *Message, metadata bool) answer {
	a := answer{"type": "message", "ts": m.TS, "text": m.Text, "user": m.User}
	if m.User == BotUser {
		a["bot_id"], a["app_id"] = BotID, AppID
	}
	if len(m.Blocks) > 0 {
		a["blocks"] = m.Blocks
	}
	if m.Thread != "" {
		a["thread_ts"] = m.Thread
	}
	if !m.EditedAt.IsZero() {
		a["edited"] = answer{"user": m.User, "ts": fmt.Sprintf("%d.000000", m.EditedAt.Unix())}
	}
	if metadata && len(m.Metadata) > 0 {
		a["metadata"] = m.Metadata
	}
	return a
}
