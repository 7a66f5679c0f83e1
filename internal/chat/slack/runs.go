package slack

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/remedy"
)

// runWithin is for how long a preview's button runs what it showed: it was looked at
// before, and what is around the host changes.
const runWithin = 15 * time.Minute

// nonceOfRun is a run's action and host as a value has them, and when it was shown.
func nonceOfRun(action remedy.ActionName, host string, now time.Time) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(action)+" "+host)) + ":" + strconv.FormatInt(now.UnixNano(), 36)
}

// run is what a value of nonceOfRun says; ok is false for any other, also for one from
// before they had a time.
func (v Value) run() (action remedy.ActionName, host remedy.HostName, at time.Time, ok bool) {
	names, when, _ := strings.Cut(v.Nonce, ":")
	data, err := base64.RawURLEncoding.DecodeString(names)
	if err != nil {
		return "", "", time.Time{}, false
	}
	n, err := strconv.ParseInt(when, 36, 64)
	if err != nil {
		return "", "", time.Time{}, false
	}
	a, h, ok := strings.Cut(string(data), " ")
	return remedy.ActionName(a), remedy.HostName(h), time.Unix(0, n), ok && a != "" && h != ""
}

// young refuses the button of a preview that was shown too long ago. Nodes' clocks may
// differ, so one from a little later is young.
func (s *Slack) young(v Value) error {
	action, host, at, ok := v.run()
	if !ok {
		return ErrForged
	}
	if age := s.Clock.Now().Sub(at); age > runWithin || age < -runWithin {
		return &Outdated{fmt.Errorf("this preview is of %s and counts for %s, so nothing was done: ask for a new one with run %s %s",
			chat.When(at, s.Clock.Now(), s.Settings().Zone), chat.Span(runWithin), action, host)}
	}
	return nil
}
