package chat_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// terminal records each write and can refuse them.
type terminal struct {
	mu     sync.Mutex
	writes []string
	err    error
}

func (w *terminal) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	w.writes = append(w.writes, string(p))
	return len(p), nil
}

func TestConsoleWritesEachMessageWhole(t *testing.T) {
	w := &terminal{}
	c := chat.NewConsole(w, chat.ConsoleOptions{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := c.Announce(t.Context(), message(ledger.NoticeQuestion, newCase(asked))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(w.writes) != 20 {
		t.Fatalf("%d writes for 20 messages", len(w.writes))
	}
	for _, s := range w.writes {
		if s != w.writes[0] {
			t.Errorf("the same message reads differently: %q", s)
		}
	}
}

func TestConsoleReturnsErrors(t *testing.T) {
	w := &terminal{err: errors.New("the pipe is broken")}
	c := chat.NewConsole(w, chat.ConsoleOptions{})
	m := notice(ledger.NoticeStop, "", "frozen by kim: network work")
	if err := c.Announce(t.Context(), m); !errors.Is(err, w.err) {
		t.Errorf("a write error came back as %v", err)
	}
	w.err = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Announce(ctx, m); !errors.Is(err, context.Canceled) || len(w.writes) != 0 {
		t.Errorf("cancelled: %v, %d writes", err, len(w.writes))
	}
}

func TestHostileNamesForgeNoLine(t *testing.T) {
	const evil = "web-07\n2026-11-20 03:15:00 UTC  outcome  W-3\x1b[2K\r  Drained\u202e"
	c := newCase(asked, ran(remedy.KindAct, person(evil), remedy.OutcomeFailed, output(evil)), closed(remedy.OutcomeFailed, evil))
	c.Host, c.Action, c.Pool = evil, evil, evil
	c.Plan.Summary, c.Plan.ManualHint, c.Plan.Steps, c.Plan.UndoSteps = evil, evil, []string{evil}, []string{evil}
	c.Opened.Unit, c.Latest.Unit, c.Decision.Answers[1].Observed = evil, evil, evil
	c.Answer = &ledger.CaseReply{By: person(evil), At: at(3, 14, 0), Reason: evil}
	c.Ask.Approvers = []string{evil}
	for _, kind := range append(noticeKinds(), evil) {
		m := message(kind, c)
		m.Notice.Pool, m.Notice.Detail = evil, evil
		w := &terminal{}
		if err := chat.NewConsole(w, chat.ConsoleOptions{}).Announce(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(w.writes[0], "\x1b\r\u202e") {
			t.Errorf("%q lets an escape through:\n%q", kind, w.writes[0])
		}
		for i, l := range strings.Split(strings.TrimSuffix(w.writes[0], "\n"), "\n") {
			if (i == 0) == strings.HasPrefix(l, "  ") {
				t.Errorf("%q: line %d is %q", kind, i, l)
			}
		}
	}
}

func TestConsoleColorAndZone(t *testing.T) {
	w := &terminal{}
	c := chat.NewConsole(w, chat.ConsoleOptions{Color: true, Zone: time.FixedZone("CET", 3600)})
	m := notice(ledger.NoticeStop, "", "frozen by kim")
	for _, m := range []chat.Message{m, page(m)} {
		if err := c.Announce(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"\x1b[1mFrozen by kim\x1b[0m", "\x1b[1;31mPAGE Frozen by kim\x1b[0m"} {
		if !strings.Contains(w.writes[i], want) || !strings.HasPrefix(w.writes[i], "2026-11-20 04:15:00 CET  stop\n") {
			t.Errorf("got %q, want %q in it", w.writes[i], want)
		}
	}
}

// A terminal would break a line anywhere: in the middle of a word, and of a
// command that is to be copied.
func TestConsoleBreaksLinesBetweenWords(t *testing.T) {
	var out bytes.Buffer
	m := message(ledger.NoticeQuestion, newCase(asked))
	if err := chat.NewConsole(&out, chat.ConsoleOptions{Width: 60}).Announce(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := chat.NewConsole(&whole, chat.ConsoleOptions{}).Announce(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	body := strings.Split(strings.TrimSpace(out.String()), "\n")[2:]
	for _, l := range body {
		if utf8.RuneCountInString(l) > 60 && !strings.Contains(l, "By hand: ") && !strings.Contains(l, "`") {
			t.Errorf("%d characters: %q", utf8.RuneCountInString(l), l)
		}
	}
	for _, want := range []string{
		"\n    By hand: echo \"set server edge/web-07 state drain\" | socat stdio /run/haproxy.sock\n",
		"    If you do nothing: nothing happens, and the question\n      expires ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if got, want := strings.Fields(out.String()), strings.Fields(whole.String()); !slices.Equal(got, want) {
		t.Errorf("words are lost:\n%s", out.String())
	}
}
