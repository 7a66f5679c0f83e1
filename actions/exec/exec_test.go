package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"warden/actions"
	"warden/internal/remedy"
)

// script writes a program for a test. Nothing may fork while the file is open
// for writing, or the kernel refuses to run it as busy.
func script(t *testing.T, dir, name, body string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return file
}

// toy is a balancer of files: a host is drained when its file holds "drained".
type toy struct {
	dir  string
	opts Options
}

func newToy(t *testing.T) *toy {
	t.Helper()
	dir := t.TempDir()
	y := &toy{dir: dir}
	y.opts = Options{
		Name:    "drain",
		Run:     []string{script(t, dir, "run", `echo "$1 by $WARDEN_TOKEN for $WARDEN_CASE" >> `+dir+`/log; cat $2/$1 > $2/$1.was; echo drained > $2/$1; echo done`), "{{ .Host }}", dir},
		Undo:    []string{script(t, dir, "undo", `printf '%s\n' "$2" > `+dir+`/$1`), "{{ .Host }}", "{{ .Prior }}"},
		Observe: []string{script(t, dir, "observe", `cat `+dir+`/$1 || exit 9; grep -q '^drained$' `+dir+`/$1`), "{{ .Host }}"},
		Timeout: 20 * time.Second, ReadTimeout: 20 * time.Second, TakesOut: true, Idempotent: true,
	}
	return y
}

func (y *toy) set(t *testing.T, host, state string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(y.dir, host), []byte(state+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (y *toy) get(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(y.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (y *toy) action(t *testing.T) *Action {
	t.Helper()
	a, err := New(y.opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func job(host string) actions.Job {
	return actions.Job{Case: 7, Token: remedy.Token{Term: 2, Index: 9}, Pool: "web", Host: remedy.HostName(host)}
}

func observe(t *testing.T, a *Action, hosts ...remedy.HostName) map[remedy.HostName]remedy.Observation {
	t.Helper()
	seen, err := a.Observe(t.Context(), "web", hosts)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// TestThereAndBack drains a host and puts it back, with its prior value going
// through observe, and the token and the case reaching the command.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	const prior = "weight 10; $(x) 'q'"
	y.set(t, "h1", prior)
	a := y.action(t)
	if o := observe(t, a, "h1")["h1"]; o.Admin != prior || !is(o.AsWanted, false) || !is(o.Took, false) || o.State != remedy.ServiceIn {
		t.Fatalf("before: %+v", o)
	}
	report, err := a.Apply(t.Context(), job("h1"))
	if err != nil || report.Output != "done" {
		t.Fatalf("%+v, %v", report, err)
	}
	if o := observe(t, a, "h1")["h1"]; o.Admin != "drained" || !is(o.AsWanted, true) || !is(o.Took, true) || o.State != remedy.ServiceOut {
		t.Errorf("out: %+v", o)
	}
	if got := y.get(t, "log"); got != "h1 by 2.9 for W-7" {
		t.Errorf("the command was told %q", got)
	}
	back := job("h1")
	back.Prior = prior
	if _, err := a.Undo(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if o := observe(t, a, "h1")["h1"]; o.Admin != prior || !is(o.AsWanted, false) {
		t.Errorf("back: %+v", o)
	}
}

func is(f remedy.Fact[bool], want bool) bool {
	got, known := f.Get()
	return known && got == want
}

// TestObserveExits holds that only 0 and 1 say anything.
func TestObserveExits(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	for i, tt := range []struct {
		body         string
		known, there bool
		admin        string
	}{
		{"exit 0", true, true, "out of service (nothing printed)"},
		{"exit 1", true, false, "in service (nothing printed)"},
		{"echo in service; exit 1", true, false, "in service"},
		{"echo ready; exit 1", true, false, "ready"},
		{"echo '  two words '; exit 0", true, true, "two words"},
		{"exit 2", false, false, ""},
		{"exit 255", false, false, ""},
		{"kill -9 $$", false, false, ""},
		{"sleep 30", false, false, ""},
		{"/no/such/program", false, false, ""},
	} {
		o := y.opts
		o.Observe = []string{script(t, y.dir, fmt.Sprintf("observe%d", i), tt.body)}
		o.ReadTimeout = 2 * time.Second
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		got := observe(t, a, "h1")["h1"]
		there, known := got.AsWanted.Get()
		if known != tt.known || there != tt.there || got.Admin != tt.admin {
			t.Errorf("%s: %+v", tt.body, got)
		}
		if !known && (got.State != remedy.ServiceUnknown || got.AsWanted.Why == "" || got.Took.IsKnown()) {
			t.Errorf("%s: unknown, and yet %+v", tt.body, got)
		}
	}
}

func TestObserveAll(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	for i, tt := range []struct{ body, want, err string }{
		{"echo 'h1 wanted'; echo; echo '# a remark'; echo 'h2 not weight 10'; echo 'h3 unknown'", "h1:out:out of service (nothing printed) h2:in:weight 10 h3:unknown:", ""},
		{"echo 'h1 wanted'; echo 'h1 not'", "h1:unknown:", ""},
		{"exit 0", "", "no host"},
		{"echo 'h1 wanted'; exit 1", "", "exit 1"},
		{"echo h1", "", "line 1"},
		{"echo 'h1 wanted'; echo 'h2 Wanted'", "", "line 2"},
		{"yes 'h1 wanted' | head -c 5000000", "", "4 MiB"},
		{"exit 0 > /no/such", "", "exit"},
	} {
		o := y.opts
		o.ObserveAll = []string{script(t, y.dir, fmt.Sprintf("all%d", i), tt.body), "{{ .Pool }}"}
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := a.Observe(t.Context(), "web", []remedy.HostName{"h1", "h2"})
		if tt.err != "" {
			if !errors.Is(err, actions.ErrBackend) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.body, err, tt.err)
			}
			continue
		}
		var got []string
		for _, h := range []remedy.HostName{"h1", "h2", "h3"} {
			if o, ok := seen[h]; ok {
				got = append(got, fmt.Sprintf("%s:%s:%s", h, o.State, o.Admin))
			}
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.body, got, err, tt.want)
		}
	}
}

// TestObserveManyHosts asks about more hosts than run side by side.
func TestObserveManyHosts(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	var hosts []remedy.HostName
	for i := range 20 {
		h := fmt.Sprintf("h%d", i)
		y.set(t, h, []string{"ready", "drained"}[i%2])
		hosts = append(hosts, remedy.HostName(h))
	}
	hosts = append(hosts, "-rf", "nobody")
	seen := observe(t, y.action(t), hosts...)
	for i, h := range hosts {
		o := seen[h]
		if known := i < 20; o.AsWanted.IsKnown() != known || (known && !is(o.AsWanted, i%2 == 1)) {
			t.Errorf("%s: %+v", h, o)
		}
	}
}

// TestHostileNames holds that such a name reaches no command at all.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	y.opts.Plan = []string{script(t, y.dir, "plan", "echo ran >> "+y.dir+"/ran; echo would drain $1"), "{{ .Host }}"}
	y.opts.Verify = y.opts.Plan
	y.opts.Run[0] = y.opts.Plan[0]
	y.opts.Undo[0] = y.opts.Plan[0]
	y.opts.Observe[0] = y.opts.Plan[0]
	a := y.action(t)
	for _, h := range []string{
		"", "-rf", "--", ";rm -rf /", "$(x)", "`x`", "h1\nh2", "h1\n", "h\x00", "<b>", "h h", "../h1", "\xff", strings.Repeat("a", 1<<20), "h'", "é", "h:1",
	} {
		j := job(h)
		j.Prior = "ready"
		if _, err := a.Plan(t.Context(), "web", j.Host); err == nil {
			t.Errorf("%.30q was planned for", h)
		}
		if _, err := a.Apply(t.Context(), j); !errors.Is(err, actions.ErrNotStarted) {
			t.Errorf("%.30q: apply %v", h, err)
		}
		if _, err := a.Undo(t.Context(), j); !errors.Is(err, actions.ErrNotStarted) {
			t.Errorf("%.30q: undo %v", h, err)
		}
		if o := observe(t, a, j.Host)[j.Host]; o.AsWanted.IsKnown() {
			t.Errorf("%.30q was observed", h)
		}
		if a.Verify()(t.Context(), "web", j.Host).IsKnown() {
			t.Errorf("%.30q was verified", h)
		}
	}
	if _, err := os.Stat(filepath.Join(y.dir, "ran")); err == nil {
		t.Error("a command was run for a hostile name")
	}
	if _, err := a.Plan(t.Context(), "web", "h1"); err != nil {
		t.Errorf("an ordinary name: %v", err)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	y.opts.Run = append(y.opts.Run, "{{ .ID }}", "--why=two words", "{{ .Token }}")
	plain, err := y.action(t).Plan(t.Context(), "web", "h1")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{y.opts.Run[0] + " h1 " + y.dir + " '<case>' '--why=two words' '<token>'"}; !slices.Equal(plain.Steps, want) {
		t.Errorf("%q, want %q", plain.Steps, want)
	}
	if plain.ManualHint != "" {
		t.Errorf("%q can't be typed", plain.ManualHint)
	}
	if p, err := newToy(t).action(t).Plan(t.Context(), "web", "h1"); err != nil || p.ManualHint != p.Steps[0] {
		t.Errorf("%+v, %v", p, err)
	}
	if want := []string{y.opts.Undo[0] + " h1 '<prior>'"}; !slices.Equal(plain.UndoSteps, want) || plain.Summary != "drain h1 in pool web" {
		t.Errorf("%q, %q", plain.UndoSteps, plain.Summary)
	}
	y.opts.Plan = []string{script(t, y.dir, "plan", `echo "remove $1 from $WARDEN_POOL"; echo; echo "  keep 39 "; env | grep CASE >&2; true`), "{{ .Host }}"}
	told, err := y.action(t).Plan(t.Context(), "web", "h1")
	if err != nil || len(told.Steps) != 3 || told.Steps[0] != "remove h1 from web" || told.Steps[1] != "keep 39" || told.Steps[2] != plain.Steps[0] {
		t.Errorf("%q, %v", told.Steps, err)
	}
	y.opts.Run = append(y.opts.Run, "--more")
	if other, err := y.action(t).Plan(t.Context(), "web", "h1"); err != nil || other.Hash() == told.Hash() {
		t.Errorf("another command has the same plan: %q (%v)", other.Steps, err)
	}
	for body, want := range map[string]string{
		"echo no such host >&2; exit 4": "exit 4: no such host", "seq 100": "more than 50 lines", "yes | head -c 9000 | tr -d '\\n'": "4 KiB",
	} {
		y.opts.Plan[0] = script(t, y.dir, "plan"+body[:3], body)
		if _, err := y.action(t).Plan(t.Context(), "web", "h1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	y.opts.Plan = nil
	if err := os.Chmod(y.opts.Run[0], 0o777); err != nil { //nolint:gosec // the point of the test
		t.Fatal(err)
	}
	if _, err := y.action(t).Plan(t.Context(), "web", "h1"); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("a program that anybody may write was planned with: %v", err)
	}
	if _, err := y.action(t).Apply(t.Context(), job("h1")); !errors.Is(err, actions.ErrNotStarted) {
		t.Errorf("and run: %v", err)
	}
}

// TestEffectsThatFail holds what is said of each.
func TestEffectsThatFail(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct {
		body, err, output string
		started           bool
	}{
		{"echo out; echo remote rejected >&2; exit 1", "exit 1: remote rejected", "out\nremote rejected", true},
		{"echo password=hunter2 is wrong; exit 3", "[redacted]", "password=[redacted] is wrong", true},
		{"echo planted-1 planted-2 planted-3", "", "[redacted] [redacted] [redacted]", true},
		{`printf 'a\033[31mb\377\n'`, "", `a\x1b[31mb` + "\ufffd", true},
		{"trap '' TERM; while :; do sleep 1; done", "stopped after", "", true},
	} {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			y := newToy(t)
			y.opts.Run = []string{script(t, y.dir, fmt.Sprintf("fail%d", i), tt.body)}
			y.opts.Timeout = 12 * time.Second // 9 to run, 2 of grace: with the grace added to it, it would take 14
			y.opts.Env, y.opts.Lookup = []string{"A_TOKEN", "MYSQL_PWD"}, func(n string) (string, bool) {
				return map[string]string{"A_TOKEN": "planted-2", "MYSQL_PWD": "planted-3"}[n], true
			}
			y.opts.Secrets = func() []string { return []string{"planted-1"} }
			began := time.Now()
			report, err := y.action(t).Apply(t.Context(), job("h1"))
			if took := time.Since(began); took >= 14*time.Second {
				t.Errorf("it took %s", took)
			}
			if report.Output != tt.output || (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("%q, %v", report.Output, err)
			}
			if errors.Is(err, actions.ErrNotStarted) {
				t.Errorf("it was started: %v", err)
			}
		})
	}
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	y.opts.Run[0] = filepath.Join(y.dir, "missing")
	if _, err := y.action(t).Apply(t.Context(), job("h1")); !errors.Is(err, actions.ErrNotStarted) {
		t.Errorf("a program that is not there: %v", err)
	}
	j := job("h1")
	for prior, want := range map[string]string{"": "empty", "in service (nothing printed)": "empty", "-rf": "option"} {
		j.Prior = prior
		if _, err := y.action(t).Undo(t.Context(), j); !errors.Is(err, actions.ErrNotStarted) || !strings.Contains(err.Error(), want) {
			t.Errorf("prior %q: %v", prior, err)
		}
	}
	y.opts.Undo = nil
	if _, err := y.action(t).Undo(t.Context(), j); !errors.Is(err, actions.ErrNotStarted) || !strings.Contains(err.Error(), "no undo") {
		t.Errorf("%v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newToy(t).action(t).Apply(over, j); !errors.Is(err, actions.ErrNotStarted) {
		t.Errorf("too late: %v", err)
	}
}

func TestSpec(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	if s := y.action(t).Spec(); s.Blind || s.CanObserve || s.NoUndo || !s.TakesOut || !s.Idempotent {
		t.Errorf("with observe: %+v", s)
	}
	y.opts.ObserveAll = y.opts.Observe[:1]
	if s := y.action(t).Spec(); s.Blind || !s.CanObserve {
		t.Errorf("with observe_all: %+v", s)
	}
	y.opts.TakesOut = false
	if s := y.action(t).Spec(); s.Blind || s.CanObserve {
		t.Errorf("one that takes nothing out can't say who is in service: %+v", s)
	}
	y.opts.ObserveAll, y.opts.Observe, y.opts.Undo = nil, nil, nil
	a := y.action(t)
	if s := a.Spec(); !s.Blind || s.CanObserve || !s.NoUndo {
		t.Errorf("with neither: %+v", s)
	}
	if o := observe(t, a, "h1")["h1"]; o.AsWanted.IsKnown() || a.Verify() != nil {
		t.Errorf("%+v", o)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Options){
		"name":                         func(o *Options) { o.Name = "" },
		"timeout:":                     func(o *Options) { o.Timeout = 0 },
		"run:":                         func(o *Options) { o.Run = nil },
		"host_pattern:":                func(o *Options) { o.HostPattern = "(" },
		"env: PATH":                    func(o *Options) { o.Env = []string{"PATH"} },
		"plan: argument 1":             func(o *Options) { o.Plan = []string{"/p", "{{ .Token }}"} },
		"run: argument 1: there is no": func(o *Options) { o.Run = []string{"/r", "{{ .Prior }}"} },
		"observe_all: argument 1":      func(o *Options) { o.ObserveAll = []string{"/o", "{{ .Host }}"} },
		"verify.command: argument 0":   func(o *Options) { o.Verify = []string{"o"} },
		"undo: {{ .Prior }}":           func(o *Options) { o.Observe = nil },
	} {
		o := newToy(t).opts
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestVerifyExits(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	for code, want := range map[string]string{"0": "true", "1": "false", "2": "null"} {
		y.opts.Verify = []string{script(t, y.dir, "verify"+code, "exit $1"), code}
		got := y.action(t).Verify()(t.Context(), "web", "h1")
		if b, err := got.MarshalJSON(); err != nil || string(b) != want || (want == "null") != (got.Why != "") {
			t.Errorf("exit %s: %s, %q", code, b, got.Why)
		}
	}
}
