package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"warden/internal/remedy"
)

// vouched is what the peers' listener puts before everything: a request is
// another voter's, is one that may be forwarded, and is the person's whom that
// node names. A node that doesn't lead passes nothing on: one hop is all.
func (s *surface) vouched(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerNode, string(s.Node.ID))
		from := remedy.NodeID(r.Header.Get(headerNode))
		if s.Peers == nil || from == "" || !s.Peers.Speaks(r.Context(), from) {
			s.fail(w, problem(http.StatusForbidden, CodeNobody, "this connection doesn't speak for the voter it names"))
			return
		}
		if forwardKind(r) == local {
			s.fail(w, problem(http.StatusForbidden, CodeReadOnly, "this is each node's own to answer: ask it there"))
			return
		}
		by, err := forwardedActor(r.Header.Get(headerActor), from)
		if err != nil {
			s.Logger.Warn("a forwarded request was refused", zap.String("node", string(from)), zap.Error(err))
			s.fail(w, problem(http.StatusForbidden, CodeNobody, err.Error()))
			return
		}
		if id, _ := s.leader(); id != s.Node.ID {
			w.Header().Set(headerUnserved, "not the leader")
			s.fail(w, problem(http.StatusServiceUnavailable, CodeNoLeader, fmt.Sprintf("%s is not the leader: nothing was done", s.Node.ID)))
			return
		}
		h.ServeHTTP(&indexed{ResponseWriter: w, index: func() uint64 { return s.Ledger.Status().Index }}, r.WithContext(context.WithValue(r.Context(), forwardedKey{}, by)))
	})
}

// forwardedActor reads the person that a node vouches for.
func forwardedActor(header string, from remedy.NodeID) (remedy.Actor, error) {
	var by remedy.Actor
	if len(header) > maxActor {
		return by, fmt.Errorf("the person that %s names takes more than %d bytes: are they in so many groups?", from, maxActor)
	}
	data, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return by, fmt.Errorf("the person that %s names can't be read: %w", from, err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&by); err != nil {
		return by, fmt.Errorf("the person that %s names can't be read: %w", from, err)
	}
	if !by.Person || by.Name == "" || by.Node != from {
		return by, fmt.Errorf("%s names nobody, or somebody of another node: %q of %q", from, by.Name, by.Node)
	}
	return by, nil
}

// indexed says with an answer which entry it knows of, when it is written.
type indexed struct {
	http.ResponseWriter
	index func() uint64
	said  bool
}

// WriteHeader implements http.ResponseWriter.
func (x *indexed) WriteHeader(status int) {
	if !x.said {
		x.said = true
		x.Header().Set(headerIndex, fmt.Sprint(x.index()))
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *indexed) Write(p []byte) (int, error) {
	if !x.said {
		x.WriteHeader(http.StatusOK)
	}
	return x.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (x *indexed) Unwrap() http.ResponseWriter { return x.ResponseWriter }
