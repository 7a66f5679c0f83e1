package fleet

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"warden/internal/clock"
)

// BalancerMode is a way in which the runtime API works or fails.
type BalancerMode uint8

// The ways of the runtime API.
const (
	BalancerWorks  BalancerMode = iota
	BalancerHangs               // takes commands, does not carry them out and never answers
	BalancerCloses              // closes every connection at once
	BalancerMute                // carries commands out and closes without a reply
	BalancerDenies              // answers every change with "Permission denied"
	BalancerLate                // carries changes out and keeps their answers until it works otherwise; what only reads is answered
)

// The administrative states of a server, in HAProxy's words.
const (
	Ready = "ready"
	Drain = "drain"
	Maint = "maint"
)

// ServerState is one server as the load balancer has it.
type ServerState struct {
	Admin      string // Ready, Drain or Maint
	Down       bool   // it fails its health check
	Sessions   int
	Rate       int
	LastChange time.Time
}

// Change is one command that set a server's state, or a reload.
type Change struct {
	At      time.Time
	Command string // "set server web/web-1 state drain", or "reload"
	Host    string // empty for a reload
	From    string // the administrative state before and after
	To      string
}

// backendServer is one server. Its sessions are a function of time: the
// steady number while it takes traffic, falling evenly to held once it does
// not.
type backendServer struct {
	id         int
	name       string
	port       int
	admin      string
	down       bool
	held       int
	lastChange time.Time
	outSince   time.Time // zero while it takes traffic
	outWith    int       // sessions at that time
}

// balancer is the state of the load balancer.
type balancer struct {
	clock  clock.Clock
	opts   Options
	instID int

	mu      sync.Mutex
	started time.Time
	servers []*backendServer
	log     []Change
}

func newBalancer(opts Options) *balancer {
	now := opts.Clock.Now()
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(opts.Backend))
	b := &balancer{clock: opts.Clock, opts: opts, instID: 1000 + int(hash.Sum32()%9000), started: now.Add(-opts.History)}
	for i, host := range opts.Hosts {
		b.servers = append(b.servers, &backendServer{
			id: i + 1, name: host, port: 8000 + i, admin: Ready, lastChange: b.started,
		})
	}
	return b
}

// takes reports whether the server gets new traffic.
func (s *backendServer) takes() bool { return s.admin == Ready && !s.down }

// sessions is the server's current number of sessions.
func (b *balancer) sessions(s *backendServer, now time.Time) int {
	if s.outSince.IsZero() {
		return max(b.opts.Sessions, s.held)
	}
	left := b.opts.DrainTime - now.Sub(s.outSince)
	if left <= 0 {
		return s.held
	}
	n := int(int64(s.outWith) * int64(left) / int64(b.opts.DrainTime))
	return max(min(n, s.outWith), s.held)
}

// rate is the server's sessions in the last second: HAProxy's falls to 0
// within two seconds.
func (b *balancer) rate(s *backendServer, now time.Time) int {
	switch gone := now.Sub(s.outSince); {
	case s.outSince.IsZero():
		return b.opts.SessionRate
	case gone < time.Second:
		return b.opts.SessionRate
	case gone < 2*time.Second:
		return b.opts.SessionRate / 2
	default:
		return 0
	}
}

// change edits one server and keeps what follows from it: its last change and
// when it stopped taking traffic.
func (b *balancer) change(s *backendServer, now time.Time, edit func(*backendServer)) {
	sessions, took, admin := b.sessions(s, now), s.takes(), s.admin
	wasDown := s.down
	edit(s)
	// As HAProxy 2.6: maintenance of a server that is down is no news.
	silent := s.admin == Maint && wasDown
	if s.admin != admin && !silent || s.down != wasDown {
		s.lastChange = now
	}
	switch {
	case took && !s.takes():
		s.outSince, s.outWith = now, sessions
	case s.takes():
		s.outSince, s.outWith = time.Time{}, 0
	}
}

func (b *balancer) find(host string) (*backendServer, error) {
	i := slices.IndexFunc(b.servers, func(s *backendServer) bool { return s.name == host })
	if i < 0 {
		return nil, hostError(host, b.opts.Hosts)
	}
	return b.servers[i], nil
}

// setState is the runtime API's one command that changes something.
func (b *balancer) setState(name, state string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.find(name)
	if err != nil {
		return false
	}
	now := b.clock.Now()
	from := s.admin
	b.change(s, now, func(s *backendServer) { s.admin = state })
	b.log = append(b.log, Change{
		At: now, Host: name, From: from, To: state,
		Command: fmt.Sprintf("set server %s/%s state %s", b.opts.Backend, name, state),
	})
	return true
}

func (b *balancer) setDown(host string, down bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.find(host)
	if err == nil && s.down != down {
		b.change(s, b.clock.Now(), func(s *backendServer) { s.down = down })
	}
	return err
}

func (b *balancer) hold(host string, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.find(host)
	if err == nil {
		s.held = max(n, 0)
	}
	return err
}

func (b *balancer) reload() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.started = now
	for _, s := range b.servers {
		b.change(s, now, func(s *backendServer) { s.admin = Ready })
		s.lastChange = now
	}
	b.log = append(b.log, Change{At: now, Command: "reload"})
}

func (b *balancer) states() map[string]ServerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	out := make(map[string]ServerState, len(b.servers))
	for _, s := range b.servers {
		out[s.name] = ServerState{
			Admin: s.admin, Down: s.down, LastChange: s.lastChange,
			Sessions: b.sessions(s, now), Rate: b.rate(s, now),
		}
	}
	return out
}

func (b *balancer) changes() []Change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log)
}
