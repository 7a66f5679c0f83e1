package fakeslack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"warden/internal/clock"
)

type faultKind int

const (
	faultNone    faultKind = iota
	faultStatus            // an HTTP status and an HTML page
	faultLimited           // 429 with Retry-After
	faultReset             // the connection is reset without an answer
	faultHang              // nothing is answered until the caller gives up
	faultError             // ok false
	faultHTML              // 200 with a page that isn't JSON
	faultLie               // ok true, and nothing was done
	faultLate              // done, and then the connection is reset
	faultSlow              // done as ever, after a while
)

// Failure is a way to fail. Make one with the functions that return it.
type Failure struct {
	kind   faultKind
	status int
	wait   time.Duration
	word   string
}

// Status answers with an HTTP status and a page of HTML, as Slack's front does
// when what is behind it is down.
func Status(code int) Failure { return Failure{kind: faultStatus, status: code} }

// RateLimited answers 429 and asks for a wait, in whole seconds.
func RateLimited(wait time.Duration) Failure { return Failure{kind: faultLimited, wait: wait} }

// Reset closes the connection without an answer; nothing was done.
func Reset() Failure { return Failure{kind: faultReset} }

// Hang answers nothing until the caller goes away; nothing was done.
func Hang() Failure { return Failure{kind: faultHang} }

// Slow answers as it should, after a time on the server's Wire clock.
func Slow(by time.Duration) Failure { return Failure{kind: faultSlow, wait: by} }

// Says answers ok: false with one of Slack's words, such as fatal_error.
func Says(word string) Failure { return Failure{kind: faultError, word: word} }

// HTML answers 200 with a page, as a proxy in between does.
func HTML() Failure { return Failure{kind: faultHTML} }

// Lie answers ok: true, with an id, and does nothing.
func Lie() Failure { return Failure{kind: faultLie} }

// Late does what was asked for and loses the answer: whoever tries again does
// it twice.
func Late() Failure { return Failure{kind: faultLate} }

func (f Failure) name() string {
	switch f.kind {
	case faultStatus:
		return fmt.Sprintf("http %d", f.status)
	case faultLimited:
		return "http 429"
	case faultReset:
		return "reset"
	case faultHang:
		return "hang"
	case faultError:
		return f.word
	case faultHTML:
		return "html"
	case faultLie:
		return "lie"
	case faultLate:
		return "late"
	case faultSlow:
		return "slow"
	case faultNone:
	}
	return ""
}

// answer sends what the failure sends.
func (f Failure) answer(w http.ResponseWriter, r *http.Request) {
	const page = "<!DOCTYPE html><html><head><title>Slack</title></head><body><h1>Something went wrong</h1></body></html>\n"
	switch f.kind {
	case faultStatus:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, page)
	case faultLimited:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Retry-After", strconv.Itoa(int(f.wait/time.Second)))
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"ok":false,"error":"ratelimited"}`)
	case faultReset, faultLate:
		reset(w)
	case faultHang:
		<-r.Context().Done()
	case faultError:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = fmt.Fprintf(w, `{"ok":false,"error":%q}`, f.word)
	case faultHTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	case faultNone, faultLie, faultSlow: // they answer as ever
	}
}

// reset ends a connection so that the other side sees it reset.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// faults are the failures that wait for a call.
type faults struct {
	waiting []*fault
	until   clock.Deadline
	down    bool
}

type fault struct {
	method string // every method when empty
	how    Failure
	left   int // calls still to fail; below zero, all of them
}

// Fail makes the next times calls of a method fail in a way; all calls until
// Heal when times is below zero, and any method when it is empty.
func (s *Server) Fail(method string, how Failure, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.waiting = append(s.faults.waiting, &fault{method: method, how: how, left: times})
}

// Heal forgets every failure that still waits, and ends Down.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults{}
}

// Down takes Slack away for a time on the workspace's clock, or until Heal when
// it isn't positive: every connection is cut, and every call and connection is
// reset.
func (s *Server) Down(d time.Duration) {
	s.mu.Lock()
	s.faults.down = d <= 0
	if d > 0 {
		s.faults.until = clock.NewDeadline(s.clk, d)
	}
	s.mu.Unlock()
	s.closeSockets()
}

// isDown says whether Slack is away. The caller holds the lock.
func (s *Server) isDown() bool { return s.faults.down || !s.faults.until.Expired() }

// fault returns the failure that a call of a method gets, and whether it has
// its answer already: nothing else is to be done then.
func (s *Server) fault(ctx context.Context, method string) (Failure, bool) {
	s.mu.Lock()
	if s.isDown() {
		s.mu.Unlock()
		return Reset(), true
	}
	i := slices.IndexFunc(s.faults.waiting, func(f *fault) bool { return f.left != 0 && (f.method == "" || f.method == method) })
	if i < 0 {
		s.mu.Unlock()
		return Failure{}, false
	}
	f := s.faults.waiting[i]
	f.left--
	s.mu.Unlock()
	if f.how.kind == faultSlow {
		_ = clock.Sleep(ctx, s.wire, f.how.wait)
	}
	// These are answered by the method, after it has done something or not.
	return f.how, !slices.Contains([]faultKind{faultSlow, faultLie, faultLate}, f.how.kind)
}
