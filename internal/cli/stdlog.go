package cli

import (
	"io"
	"log"
	"strings"

	"go.uber.org/zap"
)

// tameStandardLog sends what libraries write to the standard logger to ours,
// less what they quote: net/http quotes the first bytes of an answer that
// nobody asked for, and those may be anything, an echoed credential included.
// Call restore when the logger ends.
func tameStandardLog(logger *zap.Logger) (restore func()) {
	flags, out := log.Flags(), log.Writer()
	log.SetFlags(0)
	log.SetOutput(tamed{logger})
	return func() {
		log.SetFlags(flags)
		log.SetOutput(out)
	}
}

// tamed is the standard logger's output. A line is all of one message.
type tamed struct{ logger *zap.Logger }

var _ io.Writer = tamed{}

// Write implements io.Writer.
func (t tamed) Write(p []byte) (int, error) {
	const most = 200
	words, _, _ := strings.Cut(string(p), `"`)
	words, _, _ = strings.Cut(words, "\n")
	t.logger.Warn("a library complains", zap.String("words", strings.ToValidUTF8(words[:min(len(words), most)], "?")))
	return len(p), nil
}
