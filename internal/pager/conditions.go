package pager

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// State is what warden's own alerts are worked out of: the ledger, and what the
// newest round saw.
type State struct {
	Now time.Time
	// Cases are those that are open or changed within the last day, and those that
	// an open alert is about.
	Cases []*ledger.Case
	// Labelled are those of them that a person has labelled.
	Labelled map[remedy.CaseID]bool
	// Standing is what people say against those of them that wait for an answer; none for
	// nothing.
	Standing map[remedy.CaseID]ledger.Standing
	Pools    []ledger.PoolStatus
	Latches  []ledger.Latch
	// Demotions are the levels that wait for a review.
	Demotions []trust.Demotion
	// Blind are the sources that could not be believed in the newest round, with
	// why. It says nothing unless SourcesKnown.
	Blind        map[remedy.SourceName]string
	SourcesKnown bool
	// Waiting are the surfaces that are owed something, and since when.
	Waiting map[ledger.Surface]time.Time
	// Configs are the configs of the nodes, by node.
	Configs map[remedy.NodeID]string
	// Posts are the receipts of this surface.
	Posts []ledger.Post
}

// The kinds of alerts: see config's page_when. Confirm is asked for by pool.
const (
	kindFailed     = "action_failed"
	kindUnverified = "verify_failed"
	kindUnknown    = "action_unknown"
	kindStorm      = "common_mode"
	kindBreaker    = "breaker_open"
	kindDemoted    = "demoted"
	kindBlind      = "source_blind"
	kindOutbox     = "outbox_stuck"
	kindConfig     = "config_split"
	kindConfirm    = "confirm_waiting"
)

// The severities that are used.
const (
	critical = "critical"
	serious  = "error"
	warning  = "warning"
)

// How long something has to last before it is worth an alert, and how long a
// common mode has to be over before its alert ends.
const (
	blindFor  = 15 * time.Minute
	stuckFor  = 15 * time.Minute
	splitFor  = time.Hour
	calmAfter = 10 * time.Minute
)

// condition is one thing that is wrong with warden, or that it needs a person
// for, as long as it is.
type condition struct {
	key, kind, severity string
	pool                remedy.PoolName
	component           string
	source              string // what it is about
	summary             string
	do                  string // what to do about it
	// since is when it began; zero when nobody knows, and it counts from when it
	// was first seen. after is how long it has to last.
	since time.Time
	after time.Duration
	// mark tells one occurrence from the next under the same key.
	mark string
	id   remedy.CaseID
	// once says that it happened, and doesn't go on: one that is old is not sent.
	once bool
}

// conditions is everything that is wrong, by key. It is pure.
func conditions(st State, s *Settings) []condition {
	all := slices.Concat(caseConditions(st, s), poolConditions(st), selfConditions(st))
	out := map[string]condition{}
	for _, c := range all {
		if c.kind != kindConfirm && !slices.Contains(s.PageWhen, c.kind) {
			continue
		}
		c.key = dedupKey(s.Cluster, c.kind, string(c.pool), c.source)
		if had, ok := out[c.key]; ok && had.since.After(c.since) {
			continue // the newest counts
		}
		out[c.key] = c
	}
	keys := make([]condition, 0, len(out))
	for _, c := range out {
		keys = append(keys, c)
	}
	slices.SortFunc(keys, func(a, b condition) int { return cmp.Compare(a.key, b.key) })
	return keys
}

const (
	keyPrefix = "warden/"
	// maxDedup is the longest key that is used: PagerDuty takes 255 characters, and
	// a receipt has to hold it.
	maxDedup = 180
)

// dedupKey names an alert: "warden/CLUSTER/KIND/POOL/HOST". It is one for one
// thing, whoever leads. A long one ends in its own hash.
func dedupKey(parts ...string) string {
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(chat.Clean(cmp.Or(p, "-")), "/", "_")
	}
	key := keyPrefix + strings.Join(parts, "/")
	if len(key) <= maxDedup {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	head := strings.ToValidUTF8(key[:maxDedup-17], "")
	return head + "~" + hex.EncodeToString(sum[:8])
}

// caseConditions are the cases that went wrong and that no person has looked at,
// and questions where those are to page.
func caseConditions(st State, s *Settings) []condition {
	mended := map[string]remedy.CaseID{} // the newest case that went well, by host and action
	for _, c := range st.Cases {
		switch c.Outcome {
		case remedy.OutcomeDone, remedy.OutcomeUndone, remedy.OutcomeReturned, remedy.OutcomeGone:
			mended[onHost(c)] = max(mended[onHost(c)], c.ID)
		}
	}
	var out []condition
	for _, c := range st.Cases {
		base := condition{pool: c.Pool, source: string(c.Host), component: string(c.Action), id: c.ID, severity: critical}
		if q, ok := unsettled(c, base, st.Standing[c.ID]); ok && slices.Contains(s.PageOnConfirm, c.Pool) {
			out = append(out, q)
		}
		x := c.Acted()
		if x == nil || x.Kind == remedy.KindManual || st.Labelled[c.ID] || mended[onHost(c)] > c.ID {
			continue
		}
		base.since, base.once, base.mark = x.StartedAt, true, c.ID.String()
		switch {
		case c.UnknownExecution() || c.Outcome == remedy.OutcomeUnknown:
			base.kind = kindUnknown
			base.summary = fmt.Sprintf("warden does not know whether it %s %s", verb(c.Action, true), name(string(c.Host)))
			base.do = fmt.Sprintf("look where %s is, then: warden resolve %s --as out|in", name(string(c.Host)), c.ID)
		case c.Outcome == remedy.OutcomeFailed && x.Outcome == remedy.OutcomeFailed:
			base.kind = kindFailed
			base.summary = fmt.Sprintf("warden failed to %s %s, and changed nothing", verb(c.Action, false), name(string(c.Host)))
			base.do = fmt.Sprintf("warden show %s has its output; warden label %s says that you have looked", c.ID, c.ID)
		case c.Outcome == remedy.OutcomeUnverified || c.Outcome == remedy.OutcomePartial:
			base.kind = kindUnverified
			base.summary = fmt.Sprintf("warden tried to %s %s, and it did not take (%s)", verb(c.Action, false), name(string(c.Host)), c.Outcome)
			base.do = fmt.Sprintf("look at %s; warden show %s; warden label %s says that you have looked", name(string(c.Host)), c.ID, c.ID)
		default:
			continue
		}
		if n := noted(x.Note, c.Note); n != "" {
			base.summary += "." + n
		}
		out = append(out, base)
	}
	return out
}

// unaskedMark is what the mark of an alert ends with that is about a question which nobody
// could answer.
const unaskedMark = "/unasked"

// unsettled is the alert about a question that waits for people, or that nobody could
// answer, with what stands against it. It reports false where there is none.
func unsettled(c *ledger.Case, q condition, standing ledger.Standing) (condition, bool) {
	q.kind, q.severity = kindConfirm, serious
	switch {
	case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil:
		q.since, q.mark = c.Ask.AskedAt, c.ID.String()+"/"+c.Ask.PlanHash
		q.summary = fmt.Sprintf("warden wants to %s %s, needs a yes. %s", verb(c.Action, false), name(string(c.Host)), why(c))
		against, _, command := yes(c, standing)
		q.do = strings.TrimSpace(fmt.Sprintf("%s %s, or warden deny %s --reason not-now", capital(against), command, c.ID))
	case c.Stage == remedy.StageProposed && c.Unasked.Stuck():
		q.mark = c.ID.String() + unaskedMark
		q.summary = fmt.Sprintf("warden wants to %s %s and nobody can say yes: %s. %s", verb(c.Action, false), name(string(c.Host)), clip(chat.Clean(c.Unasked.Why), maxLine), why(c))
		q.do = toMend()
	default:
		return q, false
	}
	return q, true
}

func onHost(c *ledger.Case) string {
	return string(c.Pool) + "\x00" + string(c.Host) + "\x00" + string(c.Action)
}

// poolConditions are common mode, breakers and levels that warden took itself.
func poolConditions(st State) []condition {
	var out []condition
	for _, p := range st.Pools {
		for _, storm := range p.Storms {
			if !storm.On && (storm.EndedAt.IsZero() || st.Now.Sub(storm.EndedAt) >= calmAfter) {
				continue
			}
			out = append(out, condition{
				kind: kindStorm, severity: critical, pool: p.Name, source: string(storm.Detector), component: string(storm.Detector), since: storm.StartedAt,
				mark:    storm.StartedAt.UTC().Format(time.RFC3339Nano),
				summary: fmt.Sprintf("warden keeps its hands off pool %s: so many hosts look bad at once that it is no host problem.%s", name(string(p.Name)), noted(storm.Detail)),
				do:      "look for what they have in common: warden status",
			})
		}
	}
	for _, l := range st.Latches {
		where := "every pool"
		if l.Pool != "" {
			where = "pool " + name(string(l.Pool))
		}
		out = append(out, condition{
			kind: kindBreaker, severity: warning, pool: l.Pool, source: string(l.Why), component: "breaker", since: l.Since, id: l.Case,
			mark:    l.Since.UTC().Format(time.RFC3339Nano),
			summary: fmt.Sprintf("warden's breaker of %s is latched: it does nothing there by itself until somebody resets it.%s", where, noted(l.Detail)),
			do:      "warden breaker, then warden breaker reset with a comment",
		})
	}
	for _, d := range st.Demotions {
		if d.By.Person {
			continue // a person knows
		}
		out = append(out, condition{
			kind: kindDemoted, severity: warning, pool: d.Pool, source: string(d.Action), component: string(d.Action), since: d.Newest(), id: d.Case,
			mark:    d.Newest().UTC().Format(time.RFC3339Nano),
			summary: fmt.Sprintf("warden lowered itself to %s for %s in pool %s (%s), until somebody reviews it", d.To, name(string(d.Action)), name(string(d.Pool)), strings.ReplaceAll(d.Why, "_", " ")),
			do:      fmt.Sprintf("warden promote %s --review", name(string(d.Action))),
		})
	}
	return out
}

// selfConditions are what is wrong with warden's eyes, mouth and config.
func selfConditions(st State) []condition {
	var out []condition
	for source, reason := range st.Blind {
		out = append(out, condition{
			kind: kindBlind, severity: warning, source: string(source), component: "source", after: blindFor, mark: "blind",
			summary: fmt.Sprintf("warden can't believe its source %s: what rests on it is unknown, and unknown never acts.%s", name(string(source)), noted(reason)),
			do:      "warden status, and look at the source",
		})
	}
	for surface, since := range st.Waiting {
		if surface == ledger.SurfacePagerDuty {
			continue // whoever can't hear it anyway
		}
		out = append(out, condition{
			kind: kindOutbox, severity: warning, source: string(surface), component: "outbox", since: since, after: stuckFor, mark: "stuck",
			summary: fmt.Sprintf("warden can't tell people on %s; questions there are answered by warden approve and warden deny", surface),
			do:      "look at the log of the leader, and at warden doctor",
		})
	}
	hashes := map[string]bool{}
	for _, h := range st.Configs {
		hashes[h] = true
	}
	if len(hashes) > 1 {
		out = append(out, condition{
			kind: kindConfig, severity: warning, source: "config", component: "config", after: splitFor, mark: "split",
			summary: fmt.Sprintf("warden's nodes have %d different configs; the strictest word of any of them holds", len(hashes)),
			do:      "warden status says which node has which; make them the same and reload",
		})
	}
	return out
}

// unknowable reports whether an alert's kind can't be judged now, so that it is
// neither opened nor ended.
func (st State) unknowable(kind string) bool { return kind == kindBlind && !st.SourcesKnown }
