//go:build integration && failpoints

package chaos_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// wire is the way from one node to another, or to a service: a TCP proxy that
// can be slow, lose packets, or go silent. There is no netem in every kernel,
// and what TCP makes of loss is delay.
type wire struct {
	dial func() (net.Conn, error)

	mu      sync.Mutex
	weather weather
	conns   map[net.Conn]bool
	ended   bool
}

// weather is what a wire does to what it carries.
type weather struct {
	delay time.Duration // of each piece, one way
	loss  float64       // the share of pieces that a retransmission delays
	// mute swallows what goes there, deaf what comes back; connections stay open.
	mute, deaf bool
}

// retransmit is what a lost packet costs: Linux' shortest timeout.
const retransmit = 200 * time.Millisecond

// newWire serves until the test ends.
func newWire(t *testing.T, l net.Listener, dial func() (net.Conn, error)) *wire {
	t.Helper()
	w := &wire{dial: dial, conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.carry(conn) })
		}
	})
	t.Cleanup(func() {
		w.mu.Lock()
		w.ended = true
		w.mu.Unlock()
		_ = l.Close()
		w.cut()
		serving.Wait()
	})
	return w
}

// set changes the weather for all connections, those that are open too.
func (w *wire) set(to weather) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.weather = to
}

// cut resets every connection.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}

func (w *wire) now() weather {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.weather
}

// keep remembers a connection until it is closed, and refuses once all is over.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		_ = c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) drop(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	_ = c.Close()
}

func (w *wire) carry(near net.Conn) {
	if !w.keep(near) {
		return
	}
	defer w.drop(near)
	far, err := w.dial()
	if err != nil {
		if tcp, ok := near.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a port where nobody listens
		}
		return
	}
	if !w.keep(far) {
		return
	}
	defer w.drop(far)
	var both sync.WaitGroup
	both.Go(func() { w.pump(far, near, func(s weather) bool { return s.mute }) })
	both.Go(func() { w.pump(near, far, func(s weather) bool { return s.deaf }) })
	both.Wait()
}

// pump carries one direction until either end closes.
func (w *wire) pump(to, from net.Conn, silent func(weather) bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			s := w.now()
			if s.delay > 0 {
				<-time.After(s.delay)
			}
			for lost := retransmit; rand.Float64() < s.loss && lost < 8*retransmit; lost *= 2 {
				<-time.After(lost)
			}
			// TCP loses nothing of a connection that lives: what a silent wire
			// held back follows when it is heard again.
			for silent(w.now()) && !w.over() {
				<-time.After(20 * time.Millisecond)
			}
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = tcp.CloseWrite()
				return
			}
			_ = to.Close()
			return
		}
	}
}

func (w *wire) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}
