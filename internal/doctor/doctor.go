// Package doctor looks whether everything that warden depends on is there and
// allowed: files, sources, load balancers, certificates, and whom it talks to.
//
// A check looks and changes nothing. It works without a running agent and without
// a network: what can't be told is unknown, and says why. Packages that speak to
// something outside have their checks beside their clients, as Checks.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"warden/internal/clock"
)

// Status is how something is.
type Status string

// The statuses, from the best to the worst. An unknown one is no failure: it says
// that nobody can tell from here.
const (
	OK      Status = "ok"
	Unknown Status = "unknown"
	Warn    Status = "warn"
	Fail    Status = "fail"
)

// Result is what one look at one thing came to. No part of it holds a secret.
type Result struct {
	// Check names what was looked after, such as "source"; Subject which one, empty
	// where there is only one.
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	Status  Status `json:"status"`
	// Seen is what was seen, in one line. Fix is what to do about it; never empty
	// where Status is not OK.
	Seen string `json:"seen"`
	Fix  string `json:"fix,omitempty"`
}

// Check is one look. Run returns within ctx, has no effect but reading, and is
// called once.
type Check struct {
	Name string
	Run  func(ctx context.Context) []Result
}

// Good is a Result with nothing to do.
func Good(subject, format string, args ...any) Result {
	return Result{Subject: subject, Status: OK, Seen: fmt.Sprintf(format, args...)}
}

// Bad is a Result of a status with what to do.
func Bad(status Status, subject, fix, format string, args ...any) Result {
	return Result{Subject: subject, Status: status, Seen: fmt.Sprintf(format, args...), Fix: fix}
}

// Run runs all checks at once, each within a time, and returns their results in
// the order of the checks. One that does not come back is unknown, and is left
// behind.
func Run(ctx context.Context, checks []Check, within time.Duration) []Result {
	ctx, cancel := context.WithTimeoutCause(ctx, within, context.DeadlineExceeded)
	defer cancel()
	all := make([][]Result, len(checks))
	var group sync.WaitGroup
	for i, c := range checks {
		done := make(chan []Result, 1)
		go func() { done <- c.Run(ctx) }()
		group.Go(func() {
			select {
			case all[i] = <-done:
				return
			case <-ctx.Done():
			}
			select { // what was cut off by ctx says so itself
			case all[i] = <-done:
			case <-clock.System().After(graceFor):
				all[i] = []Result{Bad(Unknown, "", "look whether it hangs, or give it longer with --within", "no answer in time")}
			}
		})
	}
	group.Wait()
	for i := range all {
		for j := range all[i] {
			r := &all[i][j]
			r.Check = checks[i].Name
			if r.Status != OK && r.Fix == "" {
				r.Fix = "no advice is known: this is a gap in warden, please report it"
			}
		}
	}
	return slices.Concat(all...)
}

// graceFor is how long a check gets to say what it had seen when its time ended.
const graceFor = time.Second

// Worst is the worst status of all; OK for none.
func Worst(all []Result) Status {
	rank := []Status{OK, Unknown, Warn, Fail}
	worst := OK
	for _, r := range all {
		if slices.Index(rank, r.Status) > slices.Index(rank, worst) {
			worst = r.Status
		}
	}
	return worst
}
