package fakeslack

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed page.html chat.css chat.js
var assets embed.FS

// people is what the page knows of those who look at it.
type people struct {
	key   []byte            // makes the token against cross-site requests
	flash map[string]string // by user: what to say once
	acts  []act             // the newest things done on the page
}

// act is something done on the page, to show whether the app answered.
type act struct {
	user, ts string
	what     string
	d        *Delivery
}

// keepActs is how many acts are remembered.
const keepActs = 100

// Page serves /chat: what each person sees, with buttons that work. It is part
// of Handler. Everything on it is escaped; nothing runs that isn't embedded.
func (s *Server) Page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat", s.showFirst)
	mux.HandleFunc("GET /chat/{channel}", s.showChannel)
	mux.HandleFunc("GET /chat/{channel}/version", s.showVersion)
	mux.HandleFunc("POST /chat/{channel}/act", s.doAct)
	mux.HandleFunc("POST /chat/{channel}/say", s.doSay)
	mux.HandleFunc("POST /chat/{channel}/submit", s.doSubmit)
	mux.HandleFunc("GET /chat.css", serveAsset)
	mux.HandleFunc("GET /chat.js", serveAsset)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		// A name that somebody else points here may not read the page, nor the
		// token in it.
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "open this page as http://127.0.0.1", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, assets, strings.TrimPrefix(r.URL.Path, "/"))
}

func (p *people) init() {
	p.key, p.flash = make([]byte, 32), map[string]string{}
	_, _ = rand.Read(p.key) // never fails
}

// token is what a form of a user must bring back.
func (p *people) token(user string) string {
	mac := hmac.New(sha256.New, p.key)
	_, _ = mac.Write([]byte(user))
	return hex.EncodeToString(mac.Sum(nil))
}

// viewer is who looks: the user named as, or else the first who may.
func (s *Server) viewer(as string) *User {
	var first *User
	for i := range s.ws.Users {
		u := &s.ws.Users[i]
		if u.Bot || u.Deleted {
			continue
		}
		if u.ID == as {
			return u
		}
		if first == nil {
			first = u
		}
	}
	return first
}

// place is the address of a channel as a user sees it.
func place(channel, user, thread, anchor string) string {
	q := url.Values{"as": {user}}
	if thread != "" {
		q.Set("thread", thread)
	}
	where := "/chat/" + url.PathEscape(channel) + "?" + q.Encode()
	if anchor != "" {
		where += "#" + anchor
	}
	return where
}

func (s *Server) showFirst(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.viewer(r.FormValue("as"))
	if u == nil || len(s.ws.Channels) == 0 {
		http.Error(w, "the workspace has no people, or no channels", http.StatusNotFound)
		return
	}
	http.Redirect(w, r, place(s.ws.Channels[0].ID, u.ID, "", "end"), http.StatusSeeOther)
}

// seen finds the channel of a request and who looks at it, or answers that
// there is none. The caller holds the lock.
func (s *Server) seen(w http.ResponseWriter, r *http.Request) (*Channel, *User) {
	u := s.viewer(r.FormValue("as"))
	ch := s.ws.channel(r.PathValue("channel"))
	if u == nil || ch == nil || (ch.Private && !ch.has(u.ID)) {
		http.NotFound(w, r)
		return nil, nil
	}
	return ch, u
}

func (s *Server) showChannel(w http.ResponseWriter, r *http.Request) {
	t, err := template.New("page.html").Funcs(template.FuncMap{"pair": pair}).ParseFS(assets, "page.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	ch, u := s.seen(w, r)
	if ch == nil {
		s.mu.Unlock()
		return
	}
	p := s.draw(ch, u, r.FormValue("thread"), r.FormValue("press"), r.FormValue("button"))
	delete(s.people.flash, u.ID)
	var out bytes.Buffer
	err = t.Execute(&out, p)
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w)
}

// paired is what a part of the page is drawn from: the page, and a message or
// a text of its own, and blocks.
type paired struct {
	Page   any
	M      any
	Blocks any
}

func pair(page, m, blocks any) paired { return paired{page, m, blocks} }

// version changes whenever a page would look different.
func (s *Server) version() string {
	edits, gone, failed := 0, 0, 0
	for _, m := range s.store.messages {
		edits += len(m.Was)
		if m.Deleted {
			gone++
		}
	}
	for _, a := range s.people.acts {
		failed += len(a.d.attempts)
		if a.d.settled {
			failed++
		}
	}
	return fmt.Sprintf("%d.%d.%d.%d.%d", len(s.store.messages), edits, gone, failed, s.serial)
}

func (s *Server) showVersion(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprint(w, s.version())
}

// posted checks a form and finds where it was sent from and by whom.
func (s *Server) posted(w http.ResponseWriter, r *http.Request) (*Channel, *User) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "not a form", http.StatusBadRequest)
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, u := s.seen(w, r)
	if ch == nil {
		return nil, nil
	}
	if !hmac.Equal([]byte(r.PostForm.Get("token")), []byte(s.people.token(u.ID))) {
		http.Error(w, "this form is not from this page: load the page again", http.StatusForbidden)
		return nil, nil
	}
	return ch, u
}

// remember keeps what was done on the page, or says why it was not.
func (s *Server) remember(user, ts, what string, d *Delivery, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.people.flash[user] = strings.TrimPrefix(err.Error(), "fakeslack: ")
		return
	}
	s.people.acts = append(s.people.acts, act{user: user, ts: ts, what: what, d: d})
	if n := len(s.people.acts) - keepActs; n > 0 {
		s.people.acts = slices.Delete(s.people.acts, 0, n)
	}
}

// doAct presses a button: at once, or after asking where the button wants that.
func (s *Server) doAct(w http.ResponseWriter, r *http.Request) {
	ch, u := s.posted(w, r)
	if ch == nil {
		return
	}
	ts, action, thread := r.PostForm.Get("ts"), r.PostForm.Get("action"), r.PostForm.Get("thread")
	m, _ := s.Message(ch.ID, ts)
	all := m.Buttons()
	i := slices.IndexFunc(all, func(b Button) bool { return b.ActionID == action })
	if i >= 0 && all[i].Confirm != nil && r.PostForm.Get("confirmed") == "" {
		q := url.Values{"as": {u.ID}, "press": {ts}, "button": {action}}
		if thread != "" {
			q.Set("thread", thread)
		}
		http.Redirect(w, r, "/chat/"+url.PathEscape(ch.ID)+"?"+q.Encode()+"#confirm", http.StatusSeeOther)
		return
	}
	d, err := s.Click(u.ID, ch.ID, ts, action)
	what := ""
	if i >= 0 {
		what = all[i].Text
	}
	s.remember(u.ID, ts, what, d, err)
	http.Redirect(w, r, place(ch.ID, u.ID, thread, anchor(ts)), http.StatusSeeOther)
}

func anchor(ts string) string { return "p" + strings.ReplaceAll(ts, ".", "") }

// doSay says something: the slash command, something to the app, or something
// to the channel.
func (s *Server) doSay(w http.ResponseWriter, r *http.Request) {
	ch, u := s.posted(w, r)
	if ch == nil {
		return
	}
	text, thread := strings.TrimSpace(r.PostForm.Get("text")), r.PostForm.Get("thread")
	bot := ""
	s.mu.Lock()
	if b := s.ws.user(BotUser); b != nil {
		bot = "@" + b.Name
	}
	s.mu.Unlock()
	command, isCommand := strings.CutPrefix(text, s.opts.Command)
	mention, isMention := strings.CutPrefix(text, bot)
	switch {
	case text == "":
	case isCommand && thread != "":
		s.remember(u.ID, "", "", nil, fmt.Errorf("slash commands don't work in threads: say %s and then the same", bot))
	case isCommand:
		d, err := s.Slash(u.ID, ch.ID, strings.TrimSpace(command))
		s.remember(u.ID, "", text, d, err)
	case isMention:
		d, _, err := s.Mention(u.ID, ch.ID, thread, strings.TrimSpace(mention))
		s.remember(u.ID, "", text, d, err)
	default:
		s.Post(u.ID, ch.ID, thread, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text))
	}
	http.Redirect(w, r, place(ch.ID, u.ID, thread, "end"), http.StatusSeeOther)
}

// doSubmit submits the modal that is open, or closes it.
func (s *Server) doSubmit(w http.ResponseWriter, r *http.Request) {
	ch, u := s.posted(w, r)
	if ch == nil {
		return
	}
	if r.PostForm.Get("close") != "" {
		s.mu.Lock()
		delete(s.views.modals, u.ID)
		s.mu.Unlock()
	} else {
		inputs := map[string]string{}
		for name, values := range r.PostForm {
			if block, ok := strings.CutPrefix(name, "input."); ok {
				inputs[block] = values[0]
			}
		}
		d, err := s.SubmitView(u.ID, inputs)
		s.remember(u.ID, "", "the form", d, err)
	}
	http.Redirect(w, r, place(ch.ID, u.ID, "", "end"), http.StatusSeeOther)
}
