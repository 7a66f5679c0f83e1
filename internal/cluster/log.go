package cluster

import (
	"fmt"
	"io"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newRaftLogger makes raft and its stores log through zap. The hclog logger
// itself writes nowhere; a sink gets every line.
func newRaftLogger(log *zap.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(zapSink{log: log})
	return l
}

type zapSink struct{ log *zap.Logger }

// Accept implements hclog.SinkAdapter.
func (s zapSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	entry := s.log.Check(zapLevel(level, msg), msg)
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
		return zapcore.ErrorLevel
	case hclog.Warn:
		if msg == "heartbeat timeout reached, starting election" {
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
