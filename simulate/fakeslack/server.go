// Package fakeslack is a Slack to test against and to show in the demo: the Web
// API, Socket Mode, requests over HTTP, the people who read and click, and a
// page that shows what they see.
//
// It holds its callers to what Slack's documentation says, each rule with its
// page in Rules, and refuses what Slack would refuse, in Slack's words. What
// broke a rule is listed by Breaches, so that a test can ask for none. It fails
// in each way on command. Nothing in it sleeps: time comes from clocks that are
// passed in. See DESIGN.md.
package fakeslack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"warden/internal/clock"
)

// Options sets a server up. The zero value is the Example workspace on the
// system's clock, at an address of its own choosing, with every scope that the
// manifest of warden asks for.
type Options struct {
	Workspace *Workspace
	// Clock says what time it is in the workspace: timestamps, rates of calls, how
	// long a response_url lives. The system's when nil.
	Clock clock.Clock
	// Wire says how long the server waits for others: acknowledgements, triggers,
	// answers over HTTP. Clock when nil. A demo whose clock runs fast gives the
	// system's here.
	Wire clock.Clock
	// Address to listen on; 127.0.0.1:0 without one.
	Address string
	// BotToken and AppToken are what callers must show; xoxb-fake and xapp-fake
	// without them.
	BotToken, AppToken string
	// Scopes of the bot token; DefaultScopes when nil.
	Scopes []string
	// Command is the slash command that the app has; /warden without one.
	Command string
	// NoCharts refuses data_visualization blocks, as in workspaces that don't have
	// them yet.
	NoCharts bool
	// Unlimited turns the rates of calls off.
	Unlimited bool
	// RequestURL makes the app one that is told over HTTP and not over Socket
	// Mode: everything is posted there, signed with SigningSecret.
	RequestURL, SigningSecret string
}

// DefaultScopes are those of the app that warden's own manifest makes, and no
// others: a test of warden holds them equal.
func DefaultScopes() []string {
	return []string{
		"app_mentions:read", "channels:read", "chat:write", "commands", "groups:read", "usergroups:read", "users:read", "users:read.email",
	}
}

// Server is a fake Slack. It is safe for concurrent use.
type Server struct {
	opts Options
	clk  clock.Clock
	wire clock.Clock

	mu       sync.Mutex
	ws       Workspace
	tokens   map[string]string // of a token, the error that it answers with; empty if it works
	scopes   []string
	noCharts bool
	store    store
	pace     pace
	faults   faults
	breaches []Breach
	calls    []Call
	views    views
	files    files
	hooks    hooks
	sockets  sockets
	people   people
	serial   uint64

	client   *http.Client // for requests to the app
	listener net.Listener
	http     *http.Server
	cancel   context.CancelFunc
	ctx      context.Context
	wg       sync.WaitGroup
}

// Breach is a rule that a caller broke.
type Breach struct {
	At time.Time
	// Rule is the rule's name in Rules.
	Rule string
	// Method is what was called, or the kind of what was sent: interactive.
	Method string
	// Detail says what was wrong with what was sent.
	Detail string
}

// Call is one call of the Web API, in the order in which they were answered.
type Call struct {
	At     time.Time
	Method string
	// Error is what was answered: empty when ok, else Slack's word, or http 503,
	// reset and the like where no answer was given.
	Error string
	// Channel and TS are of the message that it was about.
	Channel, TS string
}

// New makes a server. It serves nothing before Start.
func New(opts Options) (*Server, error) {
	ws := Example()
	if opts.Workspace != nil {
		ws = opts.Workspace.clone()
	}
	if err := ws.complete(); err != nil {
		return nil, err
	}
	if (opts.RequestURL == "") != (opts.SigningSecret == "") {
		return nil, errors.New("fakeslack: RequestURL and SigningSecret go together: give both or none")
	}
	opts.BotToken, opts.AppToken = cmp.Or(opts.BotToken, "xoxb-fake"), cmp.Or(opts.AppToken, "xapp-fake")
	opts.Command, opts.Address = cmp.Or(opts.Command, "/warden"), cmp.Or(opts.Address, "127.0.0.1:0")
	if opts.Clock == nil {
		opts.Clock = clock.System()
	}
	if opts.Wire == nil {
		opts.Wire = opts.Clock
	}
	if opts.Scopes == nil {
		opts.Scopes = DefaultScopes()
	}
	s := &Server{
		opts: opts, clk: opts.Clock, wire: opts.Wire, ws: ws,
		tokens: map[string]string{opts.BotToken: "", opts.AppToken: ""},
		scopes: slices.Clone(opts.Scopes), noCharts: opts.NoCharts,
		pace: pace{off: opts.Unlimited, buckets: map[string]*bucket{}},
	}
	s.client = &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.sockets.init()
	s.hooks.byID = map[string]*hook{}
	s.views.init()
	s.people.init()
	s.files.byID = map[string]*file{}
	return s, nil
}

// Start serves until ctx ends or Close is called. It may be called once.
func (s *Server) Start(ctx context.Context) error {
	if s.cancel != nil {
		return errors.New("fakeslack: it has been started already: make a new one")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.opts.Address)
	if err != nil {
		return fmt.Errorf("fakeslack: %w: choose another address", err)
	}
	s.listener = l
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	context.AfterFunc(s.ctx, func() { _ = s.http.Close() })
	return nil
}

// Close stops serving, ends every connection and waits until nothing runs.
func (s *Server) Close() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	_ = s.http.Close()
	s.closeSockets()
	s.wg.Wait()
	s.client.CloseIdleConnections()
}

// URL is where the server listens, http://127.0.0.1:port, without a slash at
// its end. The Web API is at /api/, the page at /chat.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Handler serves the Web API, Socket Mode and what was given out to be called.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.serveAPI)
	mux.HandleFunc("GET /link/{ticket}", s.serveSocket)
	mux.HandleFunc("POST /hook/{id}", s.serveHook)
	mux.HandleFunc("POST /upload/{id}", s.serveUpload)
	page := s.Page()
	for _, path := range []string{"/chat", "/chat/", "/chat.css", "/chat.js"} {
		mux.Handle(path, page)
	}
	return mux
}

// Breaches returns what broke a rule so far, oldest first. A caller that does
// all well has none.
func (s *Server) Breaches() []Breach {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.breaches)
}

// Calls returns the calls of the Web API so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// keepCalls is how many calls are remembered: the newest.
const keepCalls = 20_000

// Forget clears Breaches and Calls.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaches, s.calls = nil, nil
}

// breach notes a broken rule. The caller holds the lock.
func (s *Server) breach(id ruleID, method, detail string) {
	s.breaches = append(s.breaches, Breach{At: s.clk.Now(), Rule: id.rule().Name, Method: method, Detail: detail})
}

// id makes an identifier that was never given out before. The caller holds the
// lock.
func (s *Server) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%08d", prefix, s.serial)
}
