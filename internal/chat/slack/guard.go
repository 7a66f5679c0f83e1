package slack

import (
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"
)

// errOff says that the settings in force want no Slack. A reload takes the tokens
// away at once, and what was on its way comes all the same.
var errOff = errors.New("Slack is turned off in the settings that are in force")

// errBug stands for a panic; the log has what it said, and where.
var errBug = errors.New("a fault in warden itself, which the log has: please report it")

// answering does what something that came from Slack asks for, in a goroutine of
// its own. Whatever is in it, the daemon goes on: other people's cases are under
// way here.
func (s *Slack) answering(work *sync.WaitGroup, what string, do func()) {
	work.Go(func() { _ = s.guarded(what, func() error { do(); return nil }) })
}

// guarded returns a panic as an error, and has it in the log with its stack.
func (s *Slack) guarded(what string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("warden failed at what has to do with Slack, and goes on", zap.String("at", what), zap.String("panic", fmt.Sprint(p)), zap.Stack("stack"))
			err = errBug
		}
	}()
	return do()
}
