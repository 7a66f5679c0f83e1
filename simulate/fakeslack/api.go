package fakeslack

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// method is one method of the Web API. A tier of 0 has no limit that is
// documented as a number.
type method struct {
	name   string
	do     func(*Server, *call) (answer, *refusal)
	scopes []string // any of them will do
	tier   int      // calls a minute
	json   bool     // takes a JSON body
	app    bool     // wants an app-level token
	get    bool     // may be asked for with GET
}

// methods is the part of the Web API that is here. Tiers and scopes are those
// of each method's page below https://docs.slack.dev/reference/methods/.
func methods() []method {
	return []method{
		{name: "apps.connections.open", do: (*Server).connectionsOpen, scopes: []string{"connections:write"}, tier: 50, json: true, app: true},
		{name: "auth.test", do: (*Server).authTest, json: true},
		{name: "chat.delete", do: (*Server).chatDelete, scopes: []string{"chat:write"}, tier: 50, json: true},
		{name: "chat.getPermalink", do: (*Server).chatGetPermalink, get: true},
		{name: "chat.postEphemeral", do: (*Server).chatPostEphemeral, scopes: []string{"chat:write"}, tier: 100, json: true},
		{name: "chat.postMessage", do: (*Server).chatPostMessage, scopes: []string{"chat:write"}, json: true},
		{name: "chat.update", do: (*Server).chatUpdate, scopes: []string{"chat:write"}, tier: 50, json: true},
		{name: "conversations.history", do: (*Server).conversationsHistory, scopes: []string{"channels:history", "groups:history"}, tier: 50, json: true, get: true},
		{name: "conversations.info", do: (*Server).conversationsInfo, scopes: []string{"channels:read", "groups:read"}, tier: 50, get: true},
		{name: "conversations.join", do: (*Server).conversationsJoin, scopes: []string{"channels:join"}, tier: 50, json: true},
		{name: "conversations.list", do: (*Server).conversationsList, scopes: []string{"channels:read", "groups:read"}, tier: 20, get: true},
		{name: "conversations.replies", do: (*Server).conversationsReplies, scopes: []string{"channels:history", "groups:history"}, tier: 50, json: true, get: true},
		{name: "files.completeUploadExternal", do: (*Server).filesComplete, scopes: []string{"files:write"}, tier: 100, json: true},
		{name: "files.getUploadURLExternal", do: (*Server).filesUploadURL, scopes: []string{"files:write"}, tier: 100, get: true},
		{name: "usergroups.list", do: (*Server).usergroupsList, scopes: []string{"usergroups:read"}, tier: 20, get: true},
		{name: "usergroups.users.list", do: (*Server).usergroupsUsers, scopes: []string{"usergroups:read"}, tier: 20, get: true},
		{name: "users.info", do: (*Server).usersInfo, scopes: []string{"users:read"}, tier: 100, get: true},
		{name: "users.lookupByEmail", do: (*Server).usersLookup, scopes: []string{"users:read.email"}, tier: 50, get: true},
		{name: "views.open", do: (*Server).viewsOpen, tier: 100, json: true},
		{name: "views.publish", do: (*Server).viewsPublish, tier: 100, json: true},
		{name: "views.update", do: (*Server).viewsUpdate, tier: 100, json: true},
	}
}

// answer is what goes into the JSON of a call that worked.
type answer map[string]any

// refusal is what a call that did not work answers.
type refusal struct {
	rule ruleID
	// err is Slack's word; that of the rule when empty.
	err string
	// messages explain it, one for each place that is wrong.
	messages []string
	// extra goes into the answer beside: needed and provided.
	extra answer
	// wait makes it HTTP 429 with these seconds in Retry-After.
	wait int
}

func (r *refusal) word() string {
	if r.err != "" {
		return r.err
	}
	return r.rule.rule().Error
}

func refuse(rule ruleID, messages ...string) *refusal {
	return &refusal{rule: rule, messages: messages}
}

// call is a call of the Web API as it came in.
type call struct {
	method string
	r      *http.Request
	token  string
	values url.Values
	json   map[string]json.RawMessage
	// warnings go into response_metadata of an answer that is ok.
	warnings, notes []string
	// about is the message that the call was about, for Calls.
	channel, ts string
	// lie makes the method answer without doing it.
	lie bool
}

// str is an argument as text; numbers and booleans of a JSON body in their JSON
// form, as Slack takes them.
func (c *call) str(name string) string {
	if raw, ok := c.json[name]; ok {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return text
		}
		if string(raw) == "null" {
			return ""
		}
		return string(raw)
	}
	return c.values.Get(name)
}

// has says whether an argument was given, be it empty.
func (c *call) has(name string) bool {
	_, inJSON := c.json[name]
	return inJSON || c.values.Has(name)
}

func (c *call) flag(name string) bool {
	v := c.str(name)
	return v == "true" || v == "1"
}

func (c *call) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(c.str(name)); err == nil {
		return n
	}
	return otherwise
}

// maxBody is more than any request that Slack takes.
const maxBody = 1 << 20

// serveAPI answers one call: who asks, may they, is it in time, and then what
// they ask for.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	f, done := s.fault(r.Context(), name)
	c := &call{method: name, r: r, lie: f.kind == faultLie}
	if done {
		s.noteCall(c, f.name())
		f.answer(w, r)
		return
	}
	i := slices.IndexFunc(methods(), func(m method) bool { return m.name == name })
	var got answer
	var no *refusal
	if i < 0 {
		no = refuse(ruleMethod, name)
		s.mu.Lock()
	} else {
		m := methods()[i]
		no = c.read(m, body)
		s.mu.Lock()
		if no == nil {
			no = s.admit(m, c)
		}
		if no == nil {
			if got, no = m.do(s, c); no == nil {
				f.twist(s, c, got)
			}
		}
	}
	scopes := strings.Join(s.scopes, ",")
	if no != nil {
		s.breach(no.rule, name, strings.Join(append([]string{no.word()}, no.messages...), "; "))
	}
	s.mu.Unlock()
	word := ""
	if no != nil {
		word = no.word()
	}
	s.noteCall(c, word)
	if f.kind == faultLate {
		f.answer(w, r)
		return
	}
	if c.token == s.opts.BotToken {
		w.Header().Set("X-OAuth-Scopes", scopes)
	}
	write(w, c, got, no)
}

func (s *Server) noteCall(c *call, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{At: s.clk.Now(), Method: c.method, Error: word, Channel: c.channel, TS: c.ts})
	if n := len(s.calls) - keepCalls; n > 0 {
		s.calls = slices.Delete(s.calls, 0, n)
	}
}

// write sends what a call answers, in Slack's shape.
func write(w http.ResponseWriter, c *call, got answer, no *refusal) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Slack-Req-Id", "fake")
	out := answer{"ok": true}
	if no == nil {
		maps.Copy(out, got)
		if len(c.warnings) > 0 {
			out["warning"] = strings.Join(c.warnings, ",")
			out["response_metadata"] = answer{"warnings": c.warnings, "messages": c.notes}
		}
	} else {
		out = answer{"ok": false, "error": no.word()}
		maps.Copy(out, no.extra)
		if len(no.messages) > 0 {
			var lines []string
			for _, m := range no.messages {
				lines = append(lines, "[ERROR] "+m)
			}
			out["errors"], out["response_metadata"] = no.messages, answer{"messages": lines}
		}
		if no.wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(no.wait))
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// read takes a request apart.
func (c *call) read(m method, body []byte) *refusal {
	query := c.r.URL.Query()
	bearer, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	kind, params, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	c.values = url.Values{}
	switch {
	case c.r.Method == http.MethodGet && m.get:
		c.values = query
		c.values.Del("token")
	case c.r.Method != http.MethodPost:
		return &refusal{rule: ruleArguments, err: "insecure_request", messages: []string{c.method + " wants POST"}}
	case kind == "application/json":
		c.token = bearer
		if !m.json {
			return &refusal{rule: ruleJSON, err: "invalid_arguments", messages: []string{c.method + " takes a form, not JSON"}}
		}
		if len(body) > 0 && json.Unmarshal(body, &c.json) != nil {
			return &refusal{rule: ruleJSON, err: "json_not_object"}
		}
		if _, ok := c.json["token"]; ok && bearer == "" {
			return refuse(ruleToken, "a token in a JSON body isn't read")
		}
	case kind == "multipart/form-data":
		form, err := readForm(body, params["boundary"])
		if err != nil {
			return refuse(ruleArguments, err.Error())
		}
		c.values = form
	case kind != "application/x-www-form-urlencoded" && len(body) > 0:
		return &refusal{rule: ruleArguments, err: "invalid_post_type", messages: []string{kind}}
	default:
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return &refusal{rule: ruleArguments, err: "invalid_form_data"}
		}
		c.values = form
	}
	c.token = bearer
	if c.token == "" {
		c.token = c.values.Get("token")
	}
	if c.token == "" {
		return refuse(ruleToken)
	}
	return nil
}

// admit checks the token, its scopes and the method's tier.
func (s *Server) admit(m method, c *call) *refusal {
	state, known := s.tokens[c.token]
	isApp := c.token == s.opts.AppToken
	switch {
	case !known:
		return refuse(ruleTokenKnown)
	case state != "":
		return &refusal{rule: ruleTokenRevoked, err: state}
	case m.app != isApp && m.name != "auth.test":
		return refuse(ruleTokenType)
	}
	held := s.scopes
	if isApp {
		held = []string{"connections:write"}
	}
	if len(m.scopes) > 0 && !slices.ContainsFunc(m.scopes, func(want string) bool { return slices.Contains(held, want) }) {
		return s.missing(m.scopes[0])
	}
	if m.tier > 0 {
		return s.pace.tier(s.clk.Now(), m.name, m.tier)
	}
	return nil
}

// missing is the refusal for want of a scope.
func (s *Server) missing(scope string) *refusal {
	return &refusal{rule: ruleScope, extra: answer{"needed": scope, "provided": strings.Join(s.scopes, ",")}}
}

func (s *Server) scope(scope string) bool { return slices.Contains(s.scopes, scope) }

// Grant sets the scopes of the bot token, as a reinstallation of the app does.
func (s *Server) Grant(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = slices.Clone(scopes)
}

// Revoke makes a token answer account_inactive from now on: the app was
// uninstalled.
func (s *Server) Revoke(token string) { s.setToken(token, ruleTokenRevoked.rule().Error) }

// Restore makes a revoked token work again, or issues a new one.
func (s *Server) Restore(token string) { s.setToken(token, "") }

func (s *Server) setToken(token, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = state
}

// SetCharts says whether the workspace takes data_visualization blocks.
func (s *Server) SetCharts(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noCharts = !on
}

func (s *Server) authTest(c *call) (answer, *refusal) {
	if c.token == s.opts.AppToken {
		return answer{"app_id": AppID, "app_name": "warden"}, nil
	}
	return answer{
		"url": fmt.Sprintf("https://%s.slack.com/", s.ws.Domain), "team": s.ws.Domain, "team_id": s.ws.ID,
		"user": s.ws.user(BotUser).Name, "user_id": BotUser, "bot_id": BotID, "is_enterprise_install": false,
	}, nil
}
