package fakeslack

import (
	"cmp"
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
	faultGarbled           // 200 with half a JSON document
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

// Garbled answers 200 with half a JSON document, and does nothing.
func Garbled() Failure { return Failure{kind: faultGarbled} }

// Lie answers ok: true, with an id, and does nothing.
func Lie() Failure { return Failure{kind: faultLie} }

// The words of lies that can be seen through.
const (
	lieNoTS    = "lie: no ts"
	lieChannel = "lie: another channel"
	lieTS      = "lie: another message"
)

// LieWithoutTS answers ok: true without saying which message, and does nothing.
func LieWithoutTS() Failure { return Failure{kind: faultLie, word: lieNoTS} }

// LieElsewhere answers ok: true and names another channel, and does nothing.
func LieElsewhere() Failure { return Failure{kind: faultLie, word: lieChannel} }

// LieAboutAnother answers ok: true with the ts of another message of the same
// channel, and does nothing.
func LieAboutAnother() Failure { return Failure{kind: faultLie, word: lieTS} }

// twist makes an answer about a message the lie that the failure is. The caller
// holds the server's lock.
func (f Failure) twist(s *Server, c *call, a answer) {
	if _, about := a["ts"]; f.kind != faultLie || f.word == "" || !about {
		return
	}
	switch f.word {
	case lieNoTS:
		delete(a, "ts")
		delete(a, "message")
	case lieChannel:
		for _, ch := range s.ws.Channels {
			if ch.ID != c.channel {
				a["channel"] = ch.ID
				return
			}
		}
	case lieTS:
		for _, m := range s.store.messages {
			if m.Channel == c.channel && m.TS != c.ts && m.User == BotUser && m.To == "" {
				a["ts"] = m.TS
				return
			}
		}
	}
}

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
		return cmp.Or(f.word, "lie")
	case faultLate:
		return "late"
	case faultSlow:
		return "slow"
	case faultGarbled:
		return "garbled"
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
	case faultGarbled:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"ok":true,"channel":"C0`)
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
	// over is closed when these failures are, for calls that Slow keeps waiting.
	over chan struct{}
	// held is how many calls Slow keeps waiting.
	held int
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
func (s *Server) Heal() { s.Become() }

// Become forgets every failure that still waits, ends Down, and has all calls
// fail in this way from now on, with no moment between in which one gets through.
// Without one it heals. What Slow kept waiting meets what comes now.
func (s *Server) Become(how ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.over != nil {
		close(s.faults.over)
	}
	s.faults = faults{}
	for _, f := range how {
		s.faults.waiting = append(s.faults.waiting, &fault{how: f, left: -1})
	}
}

// Held is how many calls Slow keeps waiting.
func (s *Server) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.held
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
	if f.how.kind == faultSlow {
		if s.faults.over == nil {
			s.faults.over = make(chan struct{})
		}
		over := s.faults.over
		s.faults.held++
		s.mu.Unlock()
		select {
		case <-over:
			return s.fault(ctx, method)
		case <-ctx.Done():
		case <-s.wire.After(f.how.wait):
		}
		s.mu.Lock()
		if s.faults.over == over {
			s.faults.held--
		}
	}
	s.mu.Unlock()
	// These are answered by the method, after it has done something or not.
	return f.how, !slices.Contains([]faultKind{faultSlow, faultLie, faultLate}, f.how.kind)
}
