// Package hostile is a server that gives bad answers: a table of everything
// that a source of series, a proxy before it or somebody on the network may
// say instead of an answer. Tests put it where warden expects its source.
package hostile

import (
	"bytes"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Point is one sample in the JSON that it is written with: At in seconds, and
// Value with its quotes where the format has some.
type Point struct{ At, Value string }

// Series is one series of an honest answer, before it is encoded. Name is the
// host it is about.
type Series struct {
	Name   string
	Labels map[string]string
	Points []Point
}

// Answer is one way to answer badly. Exactly one of Change, Body and Serve is
// set.
type Answer struct {
	Name string
	// Change alters the series of an honest answer. It owns what it gets.
	Change func([]Series) []Series
	// Body alters the encoded answer.
	Body func(honest []byte) []byte
	// Serve answers in its own way.
	Serve func(w http.ResponseWriter, r *http.Request, honest []byte)
	// Innocent answers bad data for hosts that don't exist, while all that do
	// are fine. Any other answer is given while one host is really bad, so
	// that whoever believes it acts.
	Innocent bool
	// WellFormed answers can't be told from true ones: all hosts are bad at
	// once, which is common mode.
	WellFormed bool
	// Empty answers may be taken for true ones, for they say nothing of any
	// host.
	Empty bool
	// Heavy answers are large; they are given once, and memory is watched.
	Heavy bool
}

// Scope says which questions are answered badly.
type Scope int32

// The scopes.
const (
	// Nothing is answered badly.
	Nothing Scope = iota
	// Values are answered badly, and what tells their age is true: the more
	// dangerous half of a lie.
	Values
	// Everything is answered badly.
	Everything
)

// Dialect is how a kind of source speaks.
type Dialect interface {
	// Truth is what an honest server knows, and whether the question is about
	// values (true) or about their age.
	Truth(r *http.Request, bad string) (series []Series, values bool)
	// Encode writes series as the body of an answer.
	Encode([]Series) []byte
}

// Server answers questions, honestly until Turn is called.
type Server struct {
	// URL is where it listens, without a path.
	URL string

	dialect Dialect
	answer  atomic.Pointer[Answer]
	scope   atomic.Int32
	bad     atomic.Pointer[string]
	asked   atomic.Int64
	lied    atomic.Int64
	kept    sync.Map // of heavy answers, by name and question
	server  *http.Server
}

// Start starts a server on a free port of loopback. Close it.
func Start(d Dialect) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + l.Addr().String(), dialect: d}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(l) }() // it ends when the server is closed
	return s, nil
}

// Close ends the server and every answer under way.
func (s *Server) Close() { _ = s.server.Close() }

// Bad makes one host bad in the honest answers; "" makes all good.
func (s *Server) Bad(host string) { s.bad.Store(&host) }

// Turn answers the questions in scope with a from now on.
func (s *Server) Turn(scope Scope, a Answer) {
	s.answer.Store(&a)
	s.scope.Store(int32(scope))
}

// Honest ends what Turn began.
func (s *Server) Honest() { s.scope.Store(int32(Nothing)) }

// Asked is how many questions came, and Lied how many were answered badly.
func (s *Server) Asked() int64 { return s.asked.Load() }

// Lied is how many questions were answered badly.
func (s *Server) Lied() int64 { return s.lied.Load() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	bad := ""
	if b := s.bad.Load(); b != nil {
		bad = *b
	}
	_ = r.ParseForm() // what can't be read asks for nothing
	series, values := s.dialect.Truth(r, bad)
	scope, a := Scope(s.scope.Load()), s.answer.Load()
	w.Header().Set("Content-Type", "application/json")
	if scope == Nothing || scope == Values && !values {
		_, _ = w.Write(s.dialect.Encode(series)) // the caller hung up
		return
	}
	s.lied.Add(1)
	switch {
	case a.Change != nil && a.Heavy:
		// Made once, so that a second question shows what it costs to read.
		key := a.Name + "?" + r.Form.Encode()
		body, ok := s.kept.Load(key)
		if !ok {
			body = s.dialect.Encode(a.Change(series))
			s.kept.Store(key, body)
		}
		_, _ = w.Write(body.([]byte))
	case a.Change != nil:
		_, _ = w.Write(s.dialect.Encode(a.Change(series)))
	case a.Body != nil:
		_, _ = w.Write(a.Body(s.dialect.Encode(series)))
	default:
		a.Serve(w, r, s.dialect.Encode(series))
	}
}

// Kept is how many heavy answers have been made, and are kept for the next
// time the same is asked.
func (s *Server) Kept() int {
	n := 0
	s.kept.Range(func(any, any) bool { n++; return true })
	return n
}

// steps are the instants that a range asks for, in milliseconds.
func steps(start, end, step int64) []int64 {
	if step <= 0 || end < start || (end-start)/step > 11_000 {
		return nil
	}
	var out []int64
	for at := start; at <= end; at += step {
		out = append(out, at)
	}
	return out
}

func millis(seconds string) int64 {
	f, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return 0
	}
	return int64(f * 1000)
}

// each changes every point.
func each(f func(p Point) Point) func([]Series) []Series {
	return func(all []Series) []Series {
		for i := range all {
			for j, p := range all[i].Points {
				all[i].Points[j] = f(p)
			}
		}
		return all
	}
}

// value writes one value everywhere.
func value(token string) func([]Series) []Series {
	return each(func(p Point) Point { return Point{p.At, token} })
}

// shifted moves every sample in time.
func shifted(by time.Duration) func([]Series) []Series {
	return each(func(p Point) Point {
		return Point{seconds(millis(p.At) + by.Milliseconds()), p.Value}
	})
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) }

// named changes what every series is called, in its labels and its name.
func named(f func(i int, name string) string) func([]Series) []Series {
	return func(all []Series) []Series {
		for i, s := range all {
			to := f(i, s.Name)
			for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
				if s.Labels[label] == s.Name {
					all[i].Labels[label] = to
				}
			}
			all[i].Name = to
		}
		return all
	}
}

// clone copies a series.
func clone(s Series) Series {
	return Series{s.Name, maps.Clone(s.Labels), slices.Clone(s.Points)}
}

func replace(old, fresh string) func([]byte) []byte {
	return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, fresh, 1)) }
}

func replaceAll(old, fresh string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(fresh)) }
}
