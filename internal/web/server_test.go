package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/remedy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReadOnly shows that TCP reads and nothing else.
func TestReadOnly(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.serve()
	w.rounds(1)
	c, ctx := w.tcp(), t.Context()
	if _, err := c.Status(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cases(ctx, CaseQuery{}); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(c.Freeze(ctx, FreezeRequest{Reason: "x"})),
		second(c.Unfreeze(ctx)),
		second(c.Run(ctx, RunRequest{Action: "drain", Host: "h01"})),
		second(c.PreviewRun(ctx, RunRequest{Action: "drain", Host: "h01"})),
		second(c.Reload(ctx)),
	} {
		wantAPI(t, err, http.StatusForbidden, CodeReadOnly)
		if !strings.Contains(err.Error(), w.opts.Socket) {
			t.Errorf("no advice in %q", err)
		}
	}
	if w.ledger.Status().Freeze != nil {
		t.Error("frozen over TCP")
	}
	for _, method := range []string{"OPTIONS", "TRACE", "PATCH", "PUT", "BREW"} {
		r := httptest.NewRequestWithContext(ctx, method, "http://localhost/api/v1/status", nil)
		r.RequestURI = ""
		if got := w.raw(true, r).StatusCode; got != http.StatusForbidden {
			t.Errorf("%s: %d", method, got)
		}
	}
}

// TestRebinding shows that a foreign name for this address is refused.
func TestRebinding(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.serve()
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:9723": 200, "localhost": 200, "LocalHost:1": 200, "[::1]:9723": 200, "[::1]": 200, "127.9.9.9": 200,
		"evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.nip.io": 403, "10.0.0.1": 403, "0.0.0.0": 403, "[::]": 403,
		"localhost:1:2": 403, "169.254.169.254:80": 403,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/metrics", nil)
		r.RequestURI, r.Host = "", host
		if got := w.raw(true, r).StatusCode; got != want {
			t.Errorf("Host %s: %d, want %d", host, got, want)
		}
	}
}

// TestCrossSite shows that a page can't have a browser write, even if it found
// a way to the socket.
func TestCrossSite(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.serve()
	for header, value := range map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://warden/api/v1/freeze", strings.NewReader(`{"reason":"x"}`))
		r.RequestURI = ""
		r.Header.Set(header, value)
		if got := w.raw(false, r).StatusCode; got != http.StatusForbidden {
			t.Errorf("%s: %d", header, got)
		}
	}
	if w.ledger.Status().Freeze != nil {
		t.Error("frozen from another site")
	}
}

// TestLimits shows that requests are bounded and read strictly.
func TestLimits(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.serve()
	long := `{"reason":"` + strings.Repeat("x", maxBody) + `"}`
	for name, tc := range map[string]struct {
		body, header string
		want         int
	}{
		"long body":     {body: long, want: 413},
		"long header":   {body: `{}`, header: strings.Repeat("x", 2*maxHeader), want: 431},
		"long reason":   {body: `{"reason":"` + strings.Repeat("x", 1001) + `"}`, want: 422},
		"unknown field": {body: `{"reason":"x","by":"root"}`, want: 422},
		"no reason":     {body: `{}`, want: 422},
		"no JSON":       {body: `reason=x`, want: 400},
		"no body":       {want: 400},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://warden/api/v1/freeze", strings.NewReader(tc.body))
		r.RequestURI = ""
		if tc.header != "" {
			r.Header.Set("X-Long", tc.header)
		}
		resp := w.raw(false, r)
		if resp.StatusCode != tc.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, tc.want)
		}
		if ct := resp.Header.Get("Content-Type"); tc.want != 431 && ct != "application/problem+json" {
			t.Errorf("%s: %s", name, ct)
		}
	}
	if w.ledger.Status().Freeze != nil {
		t.Error("frozen by nonsense")
	}
}

// spy records the context that a run gets.
type spy struct {
	Engine
	ctx chan context.Context
}

func (s spy) RunByHand(ctx context.Context, by remedy.Actor, q engine.RunRequest) (remedy.CaseID, error) {
	s.ctx <- ctx
	return s.Engine.RunByHand(ctx, by, q)
}

// TestDetached shows that a run goes on when who asked for it hangs up.
func TestDetached(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	s := spy{Engine: w.engine, ctx: make(chan context.Context, 1)}
	w.opts.Engine = s
	c := w.serve()
	w.rounds(2)
	if _, err := c.Run(t.Context(), RunRequest{Action: "drain", Host: "h01"}); err != nil {
		t.Fatal(err)
	}
	if ctx := <-s.ctx; ctx.Done() != nil {
		t.Error("the run ends with its request")
	}
}

// TestActor shows who the kernel says is asking, and that nobody may write.
func TestActor(t *testing.T) {
	got := person(uint32(os.Getuid()))
	if got.Name != me(t) || !got.Person || got.UID != uint32(os.Getuid()) || len(got.Groups) == 0 || got.Via != "cli" {
		t.Errorf("myself: %+v", got)
	}
	stranger := person(3999999999)
	if stranger.Name != "uid:3999999999" || len(stranger.Groups) != 0 || stranger.MayApprove([]string{"root", "@root", "3999999999"}) {
		t.Errorf("stranger: %+v", stranger)
	}

	w := newWorld(t, remedy.LevelMetricOnly)
	h, err := (&surface{Options: w.opts, started: start}).handler()
	if err != nil {
		t.Fatal(err)
	}
	for name, ctx := range map[string]context.Context{
		"no peer":       t.Context(),
		"unreadable":    context.WithValue(t.Context(), peerKey{}, peer{err: errors.New("EPERM")}),
		"no socket":     withPeer(t.Context(), pipe(t)),
		"forged header": t.Context(),
	} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://warden/api/v1/freeze", strings.NewReader(`{"reason":"x"}`))
		r.Header.Set("X-Forwarded-User", "root")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), CodeNobody) {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if w.ledger.Status().Freeze != nil {
		t.Error("frozen by nobody")
	}
}

func pipe(t *testing.T) net.Conn {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a
}

// TestSocketFile is about what may lie where the socket goes.
func TestSocketFile(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.serve()
	path := w.opts.Socket
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != socketMode || info.Mode()&os.ModeSocket == 0 {
		t.Fatalf("%v %v", info, err)
	}

	second := w.opts
	second.Registry = prometheus.NewRegistry()
	if _, err := Open(t.Context(), second); err == nil || !strings.Contains(err.Error(), "answers on "+path) {
		t.Errorf("a second daemon: %v", err)
	}
	w.stop()
	eventually(t, "the socket is gone", func() bool { _, err := os.Stat(path); return os.IsNotExist(err) })

	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), second)
	if err != nil {
		t.Fatalf("the socket of a dead process: %v", err)
	}
	// Somebody replaces the socket: Close must leave what isn't its own.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), second); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file in its place: %v", err)
	}
	second.Socket = filepath.Join(t.TempDir(), "none", "w.sock")
	if _, err := Open(t.Context(), second); err == nil || !strings.Contains(err.Error(), "directory must exist") {
		t.Errorf("no directory: %v", err)
	}
}

func TestListenAddress(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:80", "9723", ""} {
		l, err := listenLoopback(t.Context(), address)
		if err == nil {
			_ = l.Close()
			t.Errorf("%q was accepted", address)
		}
	}
	w := newWorld(t, remedy.LevelMetricOnly)
	w.opts.Listen = "0.0.0.0:0"
	if _, err := Open(t.Context(), w.opts); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(w.opts.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket was left behind: %v", err)
	}
	if _, err := Open(t.Context(), Options{Socket: "x"}); err == nil {
		t.Error("incomplete options were accepted")
	}
}

func TestLifecycle(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	var ready, reload error
	reloads, callers := 0, []string(nil)
	w.opts.Node.Ready = func() error { return ready }
	w.opts.Node.Reload = func(_ context.Context, by remedy.Actor) (Reloaded, error) {
		reloads++
		callers = append(callers, by.Name)
		return Reloaded{Hash: "b", Changes: config.Changes{{Kind: config.ChangePromotion, Subject: "drain", In: "ingest", From: "notify", To: "auto"}}}, reload
	}
	w.opts.Lifecycle = true
	c := w.serve()
	ctx := t.Context()
	done, err := c.Reload(ctx)
	if err := errors.Join(c.Ready(ctx), err); err != nil || done.Verdict != "1 promotion" || done.Changes[0].Text != "drain on ingest  notify -> AUTO" {
		t.Fatalf("%+v %v", done, err)
	}
	post := func(overTCP bool) (int, string) {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+reloadPath, nil)
		r.RequestURI = ""
		resp := w.raw(overTCP, r)
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, overTCP := range []bool{false, true} {
		if status, text := post(overTCP); status != http.StatusOK || text != "reloaded: 1 promotion.\ndrain on ingest  notify -> AUTO\n" {
			t.Errorf("%d %q", status, text)
		}
	}
	if want := []string{me(t), me(t), "somebody over TCP"}; reloads != 3 || !slices.Equal(callers, want) {
		t.Errorf("reloaded by %q", callers)
	}
	// What writes over TCP is that path and no other.
	wantAPI(t, second(w.tcp().Reload(ctx)), http.StatusForbidden, CodeReadOnly)
	ready, reload = errors.New("the log is being replayed"), errors.New("warden.toml:3: unknown key")
	if e, ok := errors.AsType[*APIError](c.Ready(ctx)); !ok || e.Status != 503 || !strings.Contains(e.Detail, "replayed") {
		t.Errorf("%v", e)
	}
	wantAPI(t, second(c.Reload(ctx)), http.StatusServiceUnavailable, engine.RefusedTransient) // being replayed
	if status, text := post(true); status != http.StatusInternalServerError || text != "warden.toml:3: unknown key\n" {
		t.Errorf("%d %q", status, text)
	}
	page := func(path string) string {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
		r.RequestURI = ""
		resp := w.raw(true, r)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v, headers %v", path, err, resp.Header)
		}
		return string(body)
	}
	// A ledger that is still being replayed answers nothing: a case that isn't
	// there yet is not a case that doesn't exist, and a counter at 0 no reset.
	if _, err := c.Case(ctx, 1); !isTransient(err) {
		t.Errorf("case while replaying: %v", err)
	}
	if _, err := c.Status(ctx); !isTransient(err) {
		t.Errorf("status while replaying: %v", err)
	}
	if text := page("/metrics"); strings.Contains(text, "warden_would_have_acted_total") || strings.Contains(text, "warden_frozen") {
		t.Errorf("metrics of a ledger that is being replayed:\n%s", text)
	}
	ready = nil
	for path, want := range map[string]string{
		"/": "/api/v1/status", "/-/healthy": "warden is healthy.", openAPIPath + ".yaml": "openapi: 3.1.0", openAPIPath + ".json": `"openapi": "3.1.0"`,
		"/metrics": "warden_build_info{", "/nothing": CodeNoEndpoint, "/api/v1/cases/seven": CodeInvalid, "/api/v1/cases?colour=red": CodeInvalid,
	} {
		if body := page(path); !strings.Contains(body, want) {
			t.Errorf("%s: %.200s", path, body)
		}
	}
}

func isTransient(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusServiceUnavailable && e.Code == engine.RefusedTransient
}

// TestClientErrors is about answers that are not the API's.
func TestClientErrors(t *testing.T) {
	for _, base := range []string{"", "warden.sock", "unix://relative", "https://x", "http://", "http://h/path", "http://u@h", "ftp://x"} {
		if _, err := NewClient(base); err == nil {
			t.Errorf("%q was accepted", base)
		}
	}
	c, err := NewClient("unix://" + filepath.Join(t.TempDir(), "none.sock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := second(c.Status(t.Context())); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "none.sock") {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := second(c.Status(ended)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/hosts" {
			_, _ = io.WriteString(w, "<html>")
			return
		}
		http.Error(w, strings.Repeat("teapot ", 5000), http.StatusTeapot)
	}))
	defer other.Close()
	if c, err = NewClient(other.URL); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if e, ok := errors.AsType[*APIError](second(c.Status(t.Context()))); !ok || e.Status != 418 || len(e.Detail) > 4096 {
		t.Errorf("%v", e)
	}
	if err := second(c.Hosts(t.Context(), HostQuery{})); err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Errorf("%v", err)
	}
}

// TestListenerFails shows that a listener's death ends Serve and the other one.
func TestListenerFails(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	s, err := Open(t.Context(), w.opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.listeners[1].Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "a listener failed") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(w.opts.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket was left behind: %v", err)
	}
}
