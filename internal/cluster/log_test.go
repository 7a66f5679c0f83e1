package cluster

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// hangingCore is a zap core whose disk hangs.
type hangingCore struct {
	zapcore.Core
	release chan struct{}
}

func (hangingCore) Enabled(zapcore.Level) bool { return true }

func (c hangingCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, c)
}

func (c hangingCore) Write(zapcore.Entry, []zapcore.Field) error {
	<-c.release
	return nil
}

func (hangingCore) Sync() error { return nil }

func TestRaftLogsThroughZap(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	l := newRaftLogger(zap.New(core))
	l.Info("entering leader state", "leader", "me", "odd")
	l.Named("wal").With("segment", 3).Warn("slow")
	l.Error("failed to commit logs", "error", errors.New("bad sector"), "servers", hclog.Fmt("%+v", []int{1, 2}))
	l.Warn("heartbeat timeout reached, starting election", "last-leader-addr", "")

	type line struct {
		Level  zapcore.Level
		Logger string
		Msg    string
		Fields map[string]any
	}
	var got []line
	for _, e := range logs.All() {
		got = append(got, line{e.Level, e.LoggerName, e.Message, e.ContextMap()})
	}
	want := []line{
		{zapcore.DebugLevel, "raft", "entering leader state", map[string]any{"leader": "me", "extra": "odd"}},
		{zapcore.WarnLevel, "raft.wal", "slow", map[string]any{"segment": int64(3)}},
		{zapcore.ErrorLevel, "raft", "failed to commit logs", map[string]any{"error": "bad sector", "servers": "[1 2]"}},
		{zapcore.DebugLevel, "raft", "heartbeat timeout reached, starting election", map[string]any{"last-leader-addr": ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
