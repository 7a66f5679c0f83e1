package cluster

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newRaftLogger makes raft and its stores log through zap. The hclog logger
// itself writes nowhere; a sink gets every line.
func newRaftLogger(log *zap.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(&zapSink{log: log, said: map[string]time.Time{}})
	return l
}

type zapSink struct {
	log *zap.Logger

	mu   sync.Mutex
	said map[string]time.Time
}

// aboutPeers are the lines that raft writes again and again, each second and
// more often, while a peer can't be reached. Of each, and each peer, one a
// minute is told.
var aboutPeers = []string{
	"failed to heartbeat to", "failed to appendEntries to", "failed to contact", "failed to make requestVote RPC",
	"failed to send snapshot to", "rejecting pre-vote request", "rejecting vote request",
}

// often reports whether a line was told a moment ago.
func (s *zapSink) often(msg string, args []any) bool {
	if !slices.ContainsFunc(aboutPeers, func(p string) bool { return strings.HasPrefix(msg, p) }) {
		return false
	}
	key := msg
	if len(args) > 1 {
		key += fmt.Sprint(args[1])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.said[key]) < refusalEvery {
		return true
	}
	if len(s.said) >= maxRefusals {
		clear(s.said)
	}
	s.said[key] = now
	return false
}

// Accept implements hclog.SinkAdapter.
func (s *zapSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	at := zapLevel(level, msg)
	if at > zapcore.DebugLevel && s.often(msg, args) {
		at = zapcore.DebugLevel
	}
	entry := s.log.Check(at, msg)
	if entry == nil {
		return
	}
	entry.LoggerName = name
	fields := make([]zap.Field, 0, (len(args)+1)/2)
	for ; len(args) >= 2; args = args[2:] {
		fields = append(fields, zapField(fmt.Sprint(args[0]), args[1]))
	}
	if len(args) == 1 {
		fields = append(fields, zap.Any("extra", args[0]))
	}
	entry.Write(fields...)
}

// zapLevel maps raft's levels one down where raft talks about the normal
// course of things: its info is every step of every election and snapshot, and
// a lone voter's election begins with a "heartbeat timeout" at every start.
func zapLevel(level hclog.Level, msg string) zapcore.Level {
	switch level {
	case hclog.Error:
		if msg == "failed to decode incoming command" {
			return zapcore.DebugLevel // a peer hung up, as at each restart
		}
		return zapcore.ErrorLevel
	case hclog.Warn:
		switch msg {
		case "heartbeat timeout reached, starting election", "no known peers, aborting election":
			return zapcore.DebugLevel
		}
		return zapcore.WarnLevel
	case hclog.NoLevel, hclog.Trace, hclog.Debug, hclog.Info, hclog.Off:
		return zapcore.DebugLevel
	}
	return zapcore.DebugLevel
}

func zapField(key string, value any) zap.Field {
	switch v := value.(type) {
	case hclog.Format:
		if format, ok := v[0].(string); ok {
			return zap.String(key, fmt.Sprintf(format, v[1:]...))
		}
		return zap.Any(key, value)
	case error:
		return zap.NamedError(key, v)
	default:
		return zap.Any(key, value)
	}
}
