package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

func TestExitCode(t *testing.T) {
	api := func(status int, code string) error { return &web.APIError{Status: status, Code: code} }
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, ExitOK},
		{"usage", usage("what?"), ExitError},
		{"a bad config", fmt.Errorf("%w: no", config.ErrInvalid), ExitError},
		{"something", exit(ExitSomething), ExitSomething},
		{"a guardrail", api(http.StatusConflict, engine.RefusedGuardrail), ExitRefused},
		{"one that asks", api(http.StatusPreconditionRequired, engine.RefusedAsk), ExitRefused},
		{"frozen", api(http.StatusConflict, ledger.RefusedFrozen), ExitRefused},
		{"not an approver", api(http.StatusForbidden, engine.RefusedNotYours), ExitRefused},
		{"only reads", api(http.StatusForbidden, web.CodeReadOnly), ExitRefused},
		{"no case", api(http.StatusNotFound, ledger.RefusedNoCase), ExitNotFound},
		{"no host", api(http.StatusNotFound, engine.RefusedNotFound), ExitNotFound},
		{"no endpoint", api(http.StatusNotFound, web.CodeNoEndpoint), ExitError},
		{"unreachable", fmt.Errorf("%w: no", web.ErrUnreachable), ExitUnreachable},
		{"no leader", api(http.StatusServiceUnavailable, web.CodeNoLeader), ExitUnreachable},
		{"not now", api(http.StatusServiceUnavailable, engine.RefusedTransient), ExitUnreachable},
		{"the backend is down", api(http.StatusServiceUnavailable, engine.RefusedBackend), ExitError},
		{"a proxy's word", api(http.StatusBadGateway, ""), ExitUnreachable},
		{"expired", api(http.StatusGone, ledger.RefusedExpired), ExitWaited},
		{"nobody knows", api(http.StatusServiceUnavailable, web.CodeUnsure), ExitLook},
		{"malformed", api(http.StatusUnprocessableEntity, web.CodeInvalid), ExitError},
		{"ambiguous", api(http.StatusUnprocessableEntity, engine.RefusedAmbiguous), ExitError},
		{"a bug", api(http.StatusInternalServerError, ""), ExitError},
		{"a code chosen", fail(ExitLook, api(http.StatusConflict, ledger.RefusedStage)), ExitLook},
		{"wrapped", fmt.Errorf("more: %w", fail(ExitWaited, errors.New("late"))), ExitWaited},
	} {
		if got := exitCode(t.Context(), tt.err); got != tt.want {
			t.Errorf("%s: exit code %d, want %d", tt.name, got, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := exitCode(ctx, fmt.Errorf("waiting: %w", context.Cause(ctx))); got != ExitInterrupted {
		t.Errorf("interrupted: %d", got)
	}
	if got := exitCode(ctx, errors.New("the ledger can't be closed")); got != ExitError {
		t.Errorf("an error while it stops: %d", got)
	}
}

// TestNothingUnprintable holds that nothing a terminal obeys gets through in
// words, in lines or in JSON, and that JSON loses nothing by it.
func TestNothingUnprintable(t *testing.T) {
	if got := cleanLines("a\n\tb\x1b"); got != "a\n"+`\tb\x1b` {
		t.Errorf("lines: %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		out := say("%s %v %q", in, errors.New(in), in)
		if strings.ContainsFunc(strings.ReplaceAll(out, "\n", ""), unprintable) {
			t.Fatalf("say: %q", out)
		}
		doc, err := asJSON(in)
		if err != nil || strings.ContainsFunc(strings.TrimSuffix(doc, "\n"), unprintable) {
			t.Fatalf("JSON: %q, %v", doc, err)
		}
		var back string
		if err := json.Unmarshal([]byte(doc), &back); err != nil || utf8.ValidString(in) && back != in {
			t.Fatalf("JSON: %q reads as %q: %v", in, back, err)
		}
	})
}

func asJSON(v any) (string, error) {
	var b bytes.Buffer
	err := writeJSON(&b, v, false)
	return b.String(), err
}

func TestShort(t *testing.T) {
	value := 0.4999
	if got := short(&value, "of expected canary data", 0.5); got != "49.99%" {
		t.Error(got)
	}
	if got := short(nil, "of expected canary data", 0.5); got != "-" {
		t.Error(got)
	}
	f := remedy.Finding{Detector: "canary", Verdict: remedy.VerdictUnknown, Reason: remedy.ReasonStale}
	if got := saw(&f); got != "canary: unknown: its newest sample is too old" {
		t.Error(got)
	}
}

// TestKeyed holds that what a detector or action says of itself is placed at
// the key that it is about, and anything else at the file.
func TestKeyed(t *testing.T) {
	cfg, report := config.Parse("w.toml", []byte(config.Minimal()), parseOptions())
	if cfg == nil {
		t.Fatal(report)
	}
	for line, want := range map[string]string{
		"detectors.canary_missing.query: no\n": "w.toml:17:11: error: query: no",
		"detectors.canary_missing.for: no":     "w.toml:12:1: error: for: no",
		"actions.drain: no":                    "w.toml:20:1: error: no",
		"pools.web.inventory.hosts: twice":     "w.toml:8:49: error: inventory.hosts: twice",
		"something else: no":                   "w.toml:1:1: error: something else: no",
	} {
		if got := keyed(cfg, config.SeverityError, line).String(); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if p := checkBuild(builder{clock: clock.System()}, cfg); len(p) != 1 || p[0].Key != "sources.prometheus.canary_target" {
		t.Errorf("the minimal config: %v", p)
	}
}

// TestMain runs as a process would: the exported entry, real streams.
func TestMainEntry(t *testing.T) {
	out, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	none := func(string) (string, bool) { return "", false }
	if code := Main(t.Context(), []string{"version"}, none, nil, out, out); code != ExitOK {
		t.Errorf("version: %d", code)
	}
	if code := Main(t.Context(), nil, none, nil, out, out); code != ExitOK {
		t.Errorf("no arguments: %d", code)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil || !strings.HasPrefix(string(text), "warden ") || strings.Contains(string(text), "\x1b") {
		t.Errorf("%q, %v", text, err)
	}
}

// TestPromptInterrupted holds that Ctrl-C ends a question nobody answers.
func TestPromptInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	read, write := net.Pipe()
	defer read.Close()
	defer write.Close()
	var said bytes.Buffer
	p := &program{in: terminal{Reader: read}, err: terminal{Writer: &said}, printer: &printer{err: &said}}
	cancel()
	if err := p.confirm(ctx, "", "Sure?"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestAgentSocketDirectory holds that the socket's directory is made where it
// is the only one missing.
func TestAgentSocketDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for socket, want := range map[string]string{
		"new/w.sock":    "no.toml",
		"no/way/w.sock": "give --web.socket a path in a directory of yours",
	} {
		p, out := demoProgram(t, strings.NewReader(""))
		code := p.run(t.Context(), []string{
			"agent", "--config.file", filepath.Join(dir, "no.toml"), "--storage.path", filepath.Join(dir, "data"), "--web.socket", filepath.Join(dir, socket),
		})
		if code != ExitError || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, no %q in %s", socket, code, want, out.String())
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || !info.IsDir() {
		t.Errorf("it is not made: %v", err)
	}
}
