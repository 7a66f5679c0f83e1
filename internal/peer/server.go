package peer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The limits of one node's answering. Requests wait for their turn until their
// asker has given up.
const (
	relayLimit   = 10 * time.Second // a commit takes no longer, or nobody knows
	opinionLimit = 30 * time.Second
	relaysAtOnce = 8
	opinionsLive = 2 // an opinion asks sources for as much as a round's detector does
)

// Committer commits on the leader what another node says for itself. The
// instant is the leader's. Errors wrap engine.ErrNotCommitted or
// engine.ErrBusy, or are an *engine.Refusal, when nothing was committed, and are
// none of these when nobody knows.
type Committer interface {
	Relayed(ctx context.Context, node remedy.NodeID, bodies ...ledger.Body) (ledger.Applied, error)
}

// Witness judges for itself what another node asks about.
type Witness interface {
	// Opinion answers before ctx ends. It changes nothing.
	Opinion(ctx context.Context, q remedy.OpinionQuery) remedy.Opinion
}

// Hashes compares another node's state hash with this node's.
type Hashes interface {
	// Compare says what this node makes of node's hash after entry index.
	Compare(ctx context.Context, node remedy.NodeID, index uint64, hash string) Verdict
}

// ServerOptions is what a Server is made of. All fields are required, but that
// without a Witness or Hashes nothing is said to who asks for them.
type ServerOptions struct {
	Node      remedy.NodeID
	Committer Committer
	Witness   Witness
	Hashes    Hashes
	Clock     clock.Clock
	Logger    *zap.Logger
	// Speaks reports whether the verified peer of a request's connection is the
	// voter of that id. It is the only source of who asks.
	Speaks func(ctx context.Context, id remedy.NodeID) bool
}

// Server answers the other nodes. It is an http.Handler for the paths below
// Prefix, on connections whose peer was verified.
type Server struct {
	ServerOptions
	mux      *http.ServeMux
	relays   chan struct{}
	opinions chan struct{}
}

// NewServer makes a Server.
func NewServer(o ServerOptions) *Server {
	s := &Server{
		ServerOptions: o, mux: http.NewServeMux(),
		relays: make(chan struct{}, relaysAtOnce), opinions: make(chan struct{}, opinionsLive),
	}
	s.mux.HandleFunc("POST "+pathRelay, s.relay)
	s.mux.HandleFunc("GET "+pathClock, s.clock)
	if o.Witness != nil {
		s.mux.HandleFunc("POST "+pathOpinion, s.opinion)
	}
	if o.Hashes != nil {
		s.mux.HandleFunc("POST "+pathHash, s.hash)
	}
	return s
}

// ServeHTTP answers a request of a voter, and refuses every other.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(HeaderNode, string(s.Node))
	from := remedy.NodeID(r.Header.Get(HeaderNode))
	if from == "" || !s.Speaks(r.Context(), from) {
		s.Logger.Warn("a request was refused: its connection isn't a voter's", zap.String("node", string(from)), zap.String("path", r.URL.Path))
		s.refuse(w, http.StatusForbidden, "this connection doesn't speak for the voter it names")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// caller is who asks; ServeHTTP has verified it.
func caller(r *http.Request) remedy.NodeID { return remedy.NodeID(r.Header.Get(HeaderNode)) }

// relay commits what another node may say for itself.
func (s *Server) relay(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxEntry+1))
	if err == nil && len(data) > maxEntry {
		err = errTooLong
	}
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "the entry can't be read: "+err.Error())
		return
	}
	from := caller(r)
	bodies, err := allowed(data, from)
	if err != nil {
		s.Logger.Warn("another node's entry was refused", zap.String("node", string(from)), zap.Error(err))
		s.answer(w, relayAnswer{Outcome: refused, Why: err.Error()})
		return
	}
	// The asker may hang up: what is in the log is in the log, and whoever asks
	// again is told by the ledger.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), within(r.Header, relayLimit))
	defer cancel()
	if !take(ctx, s.relays) {
		s.answer(w, relayAnswer{Outcome: busy, Why: "too many entries are being relayed"})
		return
	}
	defer func() { <-s.relays }()
	applied, err := s.Committer.Relayed(ctx, from, bodies...)
	refusal, isRefusal := errors.AsType[*engine.Refusal](err)
	switch {
	case err == nil:
		s.answer(w, relayAnswer{Outcome: committed, Applied: &applied})
	case isRefusal:
		s.Logger.Warn("another node's entry was refused", zap.String("node", string(from)), zap.Error(refusal))
		s.answer(w, relayAnswer{Outcome: refused, Why: refusal.Reason})
	case errors.Is(err, engine.ErrNotCommitted):
		s.answer(w, relayAnswer{Outcome: notLeader, Why: err.Error()})
	case errors.Is(err, engine.ErrBusy):
		s.answer(w, relayAnswer{Outcome: busy, Why: err.Error()})
	default:
		s.answer(w, relayAnswer{Outcome: unsure, Why: err.Error()})
	}
}

// opinion has this node judge for another one.
func (s *Server) opinion(w http.ResponseWriter, r *http.Request) {
	var q remedy.OpinionQuery
	if err := strict(r.Body, maxQuery, &q); err != nil {
		s.refuse(w, http.StatusBadRequest, "the question can't be read: "+err.Error())
		return
	}
	if err := checkQuery(&q); err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), within(r.Header, opinionLimit))
	defer cancel()
	if !take(ctx, s.opinions) {
		s.answer(w, remedy.Opinion{Node: s.Node, Why: "busy with other opinions"})
		return
	}
	defer func() { <-s.opinions }()
	o := s.Witness.Opinion(ctx, q)
	o.Node = s.Node
	s.answer(w, o)
}

func (s *Server) clock(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, clockAnswer{Node: s.Node, Now: s.Clock.Now().UTC()})
}

func (s *Server) hash(w http.ResponseWriter, r *http.Request) {
	var q hashQuery
	if err := errors.Join(strict(r.Body, maxSmall, &q), q.check()); err != nil {
		s.refuse(w, http.StatusBadRequest, "the question can't be read: "+err.Error())
		return
	}
	s.answer(w, hashAnswer{Node: s.Node, Verdict: s.Hashes.Compare(r.Context(), caller(r), q.Index, q.Hash)})
}

// take waits for a free place until ctx ends.
func take(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) answer(w http.ResponseWriter, v any) { s.write(w, http.StatusOK, v) }

// refuse answers a request that was not understood, or not listened to. Nothing
// was done.
func (s *Server) refuse(w http.ResponseWriter, status int, why string) {
	s.write(w, status, relayAnswer{Outcome: refused, Why: why})
}

func (s *Server) write(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.Logger.Error("an answer can't be encoded; this is a bug, please report it", zap.Error(err))
		status, data = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(data); err != nil {
		s.Logger.Debug("an answer could not be written", zap.Error(err))
	}
}
