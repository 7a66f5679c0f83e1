package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"warden/internal/remedy"
)

// As makes a client that acts for a person whom a surface of this node vouches
// for, such as chat. What it asks for goes the way of the unix socket: it is
// forwarded to the leader, and the same rules decide. The actor names nothing
// that only the kernel can say.
func (s *Server) As(by remedy.Actor) (*Client, error) {
	if !by.Person || by.Name == "" || by.Via == "" || by.UID != 0 || len(by.Groups) > 0 || by.Node != "" {
		return nil, errors.New("a surface vouches for a person by name and keys alone, and says which it is; this is a bug, please report it")
	}
	return &Client{base: "http://warden", at: by.Via, http: &http.Client{Transport: inProcess{h: s.local, by: by}, Timeout: clientTimeout}}, nil
}

// inProcess carries requests to a handler of the same process.
type inProcess struct {
	h  http.Handler
	by remedy.Actor
}

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	got := &written{header: http.Header{}, status: http.StatusOK}
	in := r.WithContext(context.WithValue(r.Context(), forwardedKey{}, p.by))
	if in.Body == nil {
		in.Body = http.NoBody
	}
	p.h.ServeHTTP(got, in)
	return &http.Response{
		Status: http.StatusText(got.status), StatusCode: got.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: got.header, Body: io.NopCloser(&got.body), ContentLength: int64(got.body.Len()), Request: r,
	}, nil
}

// written collects what a handler writes.
type written struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *written) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *written) WriteHeader(status int) {
	if !a.begun {
		a.status, a.begun = status, true
	}
}

// Write implements http.ResponseWriter.
func (a *written) Write(b []byte) (int, error) {
	a.begun = true
	return a.body.Write(b)
}
