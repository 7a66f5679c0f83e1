package haproxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/internal/clock"
	"warden/internal/remedy"
)

// socket is a stats socket that answers from a script: the replies are what
// HAProxy 2.6.12 said, and what it was sent is kept.
type socket struct {
	replies map[string]string // by command
	hang    bool              // never answers
	cut     int               // closes after so many bytes, when positive

	mu   sync.Mutex
	sent []string
}

func (s *socket) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go s.serve(server)
	return client, nil
}

func (s *socket) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	var out strings.Builder
	for command := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), ";") {
		s.mu.Lock()
		s.sent = append(s.sent, command)
		s.mu.Unlock()
		reply, ok := s.replies[command]
		if !ok {
			reply = "Unknown command: 'x'\n\n"
		}
		out.WriteString(reply)
	}
	if s.hang {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	text := out.String()
	if s.cut > 0 {
		text = text[:min(s.cut, len(text))]
	}
	_, _ = io.WriteString(conn, text)
}

func (s *socket) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, c := range s.sent {
		if !strings.HasPrefix(c, "show ") {
			out = append(out, c)
		}
	}
	return out
}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fixture is a socket that knows the backend "be" of the golden replies: h1
// ready, h2 drained with two sessions, h3 down, h4 unchecked, h5 disabled, h6
// down and drained, h7 of weight 0, h8 in maintenance through a tracked server.
func fixture(t *testing.T) *socket {
	t.Helper()
	return &socket{replies: map[string]string{
		"show info":             golden(t, "info.txt"),
		"show servers state be": golden(t, "states.txt"),
		"show stat be 4 -1":     golden(t, "stat.txt"),
	}}
}

func newAction(t *testing.T, s *socket, change func(*haproxy.Options)) *haproxy.Action {
	t.Helper()
	opts := haproxy.Options{
		Name: "drain", Address: "/run/haproxy/admin.sock", Backend: "be", State: haproxy.StateDrain,
		Dial: s.dial, Clock: clock.NewStepped(time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)),
	}
	if change != nil {
		change(&opts)
	}
	a, err := haproxy.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestObserveReadsEveryStateOnOneConnection(t *testing.T) {
	s := fixture(t)
	a := newAction(t, s, nil)
	got, err := a.Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		State    remedy.ServiceState
		Admin    string
		AsWanted bool
		Took     any
		Changed  string
		Sessions int64
		Rate     int64
	}
	rows := map[remedy.HostName]row{}
	for host, o := range got {
		r := row{State: o.State, Admin: o.Admin}
		r.AsWanted, _ = o.AsWanted.Get()
		if took, ok := o.Took.Get(); ok {
			r.Took = took
		}
		if at, ok := o.LastChange.Get(); ok {
			r.Changed = at.Format(time.TimeOnly)
		}
		r.Sessions, _ = o.Sessions.Get()
		r.Rate, _ = o.Rate.Get()
		rows[host] = r
	}
	want := map[remedy.HostName]row{
		"h1": {remedy.ServiceIn, "ready", false, false, "02:59:01", 1, 3},  // age 60
		"h2": {remedy.ServiceOut, "drain", true, false, "02:59:56", 2, 0},  // age 5, sessions left
		"h3": {remedy.ServiceOut, "ready", false, false, "02:58:21", 0, 0}, // age 100: the process started later
		"h4": {remedy.ServiceIn, "ready", false, false, "02:59:01", 0, 0},  // no check
		"h5": {remedy.ServiceOut, "maint", false, false, "02:59:01", 0, 0}, // disabled in the configuration
		"h6": {remedy.ServiceOut, "drain", true, true, "02:59:56", 0, 0},   // shows as DOWN only
		"h7": {remedy.ServiceOut, "ready", false, false, "02:59:01", 0, 0}, // weight 0
		"h8": {remedy.ServiceOut, "ready", false, false, "", 0, 0},         // MAINT (via be/h5)
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	if detail := got["h6"].Detail; !strings.Contains(detail, "status DOWN, admin state 8") {
		t.Errorf("detail %q", detail)
	}
	if len(s.sent) != 3 {
		t.Errorf("sent %q", s.sent)
	}
}

func TestTookWantsQuietOutAndUpIn(t *testing.T) {
	for _, tt := range []struct {
		state string
		took  map[remedy.HostName]bool
	}{
		{haproxy.StateDrain, map[remedy.HostName]bool{"h1": false, "h2": false, "h6": true}},
		{haproxy.StateMaint, map[remedy.HostName]bool{"h1": false, "h2": false, "h5": true}},
		{haproxy.StateReady, map[remedy.HostName]bool{"h1": true, "h2": false, "h3": false, "h4": true, "h8": false}},
	} {
		a := newAction(t, fixture(t), func(o *haproxy.Options) { o.State = tt.state })
		got, err := a.Observe(t.Context(), "web", nil)
		if err != nil {
			t.Fatal(err)
		}
		for host, want := range tt.took {
			if took, known := got[host].Took.Get(); took != want || !known {
				t.Errorf("%s %s: took %v (known %v), want %v", tt.state, host, took, known, want)
			}
		}
	}
}

func TestUnknownSessionsAreNotQuiet(t *testing.T) {
	s := fixture(t)
	stat := s.replies["show stat be 4 -1"]
	s.replies["show stat be 4 -1"] = strings.Replace(stat, "be,h6,0,0,0,", "be,h6,0,0,,", 1)
	got, err := newAction(t, s, nil).Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := got["h6"]; o.Took.IsKnown() || o.Took.Why == "" {
		t.Errorf("took %+v", o.Took)
	}
}

func TestLastChangeIsUnknownForVersionsNobodyTried(t *testing.T) {
	s := fixture(t)
	s.replies["show info"] = strings.ReplaceAll(s.replies["show info"], "2.6.12", "3.0.4")
	got, err := newAction(t, s, nil).Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := got["h1"]; o.LastChange.IsKnown() || !strings.Contains(o.LastChange.Why, "2.6.") {
		t.Errorf("last change %+v", o.LastChange)
	}
}

func TestObserveAsksByNumberWhereAFrontendHasTheName(t *testing.T) {
	s := fixture(t)
	header, _, _ := strings.Cut(s.replies["show stat be 4 -1"], "\n")
	s.replies["show stat 3 4 -1"] = s.replies["show stat be 4 -1"]
	s.replies["show stat be 4 -1"] = header + "\n\n"
	got, err := newAction(t, s, nil).Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, known := got["h2"].Sessions.Get(); n != 2 || !known {
		t.Errorf("sessions %d, known %v", n, known)
	}
}

func TestHostRegex(t *testing.T) {
	s := fixture(t)
	a := newAction(t, s, func(o *haproxy.Options) { o.HostRegex = regexp.MustCompile(`^h([1-5])$`) })
	got, err := a.Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 || got["2"].Admin != "drain" {
		t.Errorf("got %v", got)
	}
	plan, err := a.Plan(t.Context(), "web", "1")
	if err != nil || plan.Steps[0] != "set server be/h1 state drain" {
		t.Errorf("plan %+v, %v", plan, err)
	}

	both := newAction(t, s, func(o *haproxy.Options) { o.HostRegex = regexp.MustCompile(`^(h)`) })
	got, err = both.Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := got["h"]; o.State != remedy.ServiceUnknown || o.AsWanted.IsKnown() {
		t.Errorf("two servers for one host: %+v", o)
	}
	if _, err := both.Plan(t.Context(), "web", "h"); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("plan: %v", err)
	}
}

func TestPlan(t *testing.T) {
	s := fixture(t)
	got, err := newAction(t, s, nil).Plan(t.Context(), "web", "h1")
	if err != nil {
		t.Fatal(err)
	}
	want := remedy.Plan{
		Action: "drain", Pool: "web", Host: "h1",
		Steps:      []string{"set server be/h1 state drain"},
		UndoSteps:  []string{"set server be/h1 state ready"},
		Summary:    "drain h1 in HAProxy backend be",
		ManualHint: `echo "set server be/h1 state drain" | socat stdio /run/haproxy/admin.sock`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if sent := s.commands(); len(sent) != 0 {
		t.Errorf("a plan changed something: %q", sent)
	}
	already, err := newAction(t, s, nil).Plan(t.Context(), "web", "h2")
	if err != nil || already.UndoSteps != nil {
		t.Errorf("undo of nothing: %+v, %v", already, err)
	}
}

func TestApplyAndUndo(t *testing.T) {
	const denied = "Permission denied\n\n"
	for _, tt := range []struct {
		name  string
		state string
		host  remedy.HostName
		prior string // undo when set
		reply string
		sent  []string
		want  actions.Report
		is    error
		says  string
	}{
		{name: "drain", state: "drain", host: "h1", reply: "\n", sent: []string{"set server be/h1 state drain"}, want: actions.Report{Prior: "ready"}},
		{name: "drain a server that is down", state: "drain", host: "h3", reply: "\n", sent: []string{"set server be/h3 state drain"}, want: actions.Report{Prior: "ready"}},
		{name: "already drained", state: "drain", host: "h2", want: actions.Report{Prior: "drain", Output: "already drain: nothing was sent"}},
		{name: "drain never lifts maint", state: "drain", host: "h5", want: actions.Report{Prior: "maint"}, is: haproxy.ErrChanged, says: "state ready"},
		{name: "maint over drain", state: "maint", host: "h2", reply: "\n", sent: []string{"set server be/h2 state maint"}, want: actions.Report{Prior: "drain"}},
		{name: "ready", state: "ready", host: "h5", reply: "\n", sent: []string{"set server be/h5 state ready"}, want: actions.Report{Prior: "maint"}},
		{name: "no such host", state: "drain", host: "h99", is: actions.ErrHostUnknown, says: "show servers state be"},
		{name: "text is an error", state: "drain", host: "h1", reply: "Something odd.\n\n", sent: []string{"set server be/h1 state drain"}, want: actions.Report{Prior: "ready", Output: "Something odd."}, is: actions.ErrBackend, says: "Something odd."},
		{name: "gone in between", state: "drain", host: "h1", reply: "No such server.\n\n", sent: []string{"set server be/h1 state drain"}, want: actions.Report{Prior: "ready", Output: "No such server."}, is: actions.ErrHostUnknown, says: "host_regex"},
		{name: "below admin", state: "drain", host: "h1", reply: denied, sent: []string{"set server be/h1 state drain"}, want: actions.Report{Prior: "ready", Output: "Permission denied"}, is: actions.ErrBackend, says: "level admin"},
		{name: "cut off", state: "drain", host: "h1", reply: "", sent: []string{"set server be/h1 state drain"}, want: actions.Report{Prior: "ready"}, is: actions.ErrBackend, says: "may or may not"},
		{name: "injection by host", state: "drain", host: "h1 state ready\nset server be/h2", is: actions.ErrHostUnknown},
		{name: "injection by semicolon", state: "drain", host: "h1;shutdown sessions server be/h1", is: actions.ErrHostUnknown},

		{name: "undo", state: "drain", host: "h2", prior: "ready", reply: "\n", sent: []string{"set server be/h2 state ready"}, want: actions.Report{Prior: "drain"}},
		{name: "undo to drain", state: "maint", host: "h5", prior: "drain", reply: "\n", sent: []string{"set server be/h5 state drain"}, want: actions.Report{Prior: "maint"}},
		{name: "undo done already", state: "drain", host: "h1", prior: "ready", want: actions.Report{Prior: "ready", Output: "already ready: nothing was sent"}},
		{name: "undo of another's work", state: "drain", host: "h5", prior: "ready", want: actions.Report{Prior: "maint"}, is: haproxy.ErrChanged, says: "is maint now, this action had set drain"},
		{name: "undo to nonsense", state: "drain", host: "h2", prior: "weight 0", says: "by hand"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := fixture(t)
			for _, server := range []string{"h1", "h2", "h3", "h5"} {
				for _, state := range []string{"ready", "drain", "maint"} {
					s.replies["set server be/"+server+" state "+state] = tt.reply
				}
			}
			a := newAction(t, s, func(o *haproxy.Options) { o.State = tt.state })
			job := actions.Job{Pool: "web", Host: tt.host, Prior: tt.prior}
			do := a.Apply
			if tt.prior != "" {
				do = a.Undo
			}
			got, err := do(t.Context(), job)
			if (err != nil) != (tt.is != nil || tt.says != "") || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v, want %v", err, tt.is)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
			if err == nil && (len(got.Unchanged) == 0) != (len(tt.sent) > 0) {
				t.Errorf("%v were reported unchanged, and %v was sent", got.Unchanged, tt.sent)
			}
			got.Unchanged = nil
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.sent, s.commands()); d != "" {
				t.Error(d)
			}
		})
	}
}
