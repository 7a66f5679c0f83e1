package chat_test

import (
	"bytes"
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is one message of a golden file.
type example struct {
	name string
	m    chat.Message
}

func page(m chat.Message) chat.Message { m.Notice.Page = true; return m }

func again(m chat.Message) chat.Message { m.Again = true; return m }

func detailed(m chat.Message, detail string) chat.Message { m.Notice.Detail = detail; return m }

func level(l remedy.Level, m chat.Message) chat.Message { m.Level = l; return m }

func notice(kind ledger.NoticeKind, pool remedy.PoolName, detail string) chat.Message {
	m := message(kind, nil)
	m.Notice.Pool, m.Notice.Detail = pool, detail
	return m
}

// of makes an example of a case at one kind of notice.
func of(kind ledger.NoticeKind, name string, change ...func(*ledger.Case)) example {
	return example{name, message(kind, newCase(change...))}
}

func outcomeOf(name string, change ...func(*ledger.Case)) example {
	return of(ledger.NoticeOutcome, name, change...)
}

func examples() map[string][]example {
	sam, fran, warden := person("sam"), person("fran"), remedy.Warden()
	complaint := func(name string, change ...func(*ledger.Case)) example {
		return example{name, level(remedy.LevelNotify, message(ledger.NoticeComplaint, newCase(change...)))}
	}
	stoppedHost := func(c *ledger.Case) {
		for _, f := range []*remedy.Finding{c.Opened, c.Latest} {
			f.Stopped, f.Value, f.Newest = true, remedy.Known(0.0), at(3, 4, 0)
		}
	}
	wasOut := ran(remedy.KindAct, sam, remedy.OutcomeDone, took(true))
	restart := func(c *ledger.Case) {
		c.Action, c.Plan.Action, c.Plan.Summary, c.Plan.UndoSteps = "restart_receiver", "restart_receiver", "", nil
	}
	inPlace := func(x *ledger.Execution) { x.TakesOut = false }
	undo := func(reason remedy.UndoReason, o remedy.Outcome, change ...func(*ledger.Execution)) func(*ledger.Case) {
		return func(c *ledger.Case) {
			c.UndoReason = reason
			ran(remedy.KindUndo, fran, o, change...)(c)
		}
	}
	unhelpful := func(c *ledger.Case) { c.BadOthers, c.Helped = 1, remedy.Known(false) }
	byHand := func(c *ledger.Case) {
		c.Detector, c.Opened, c.Latest = "", nil, nil
		c.Manual = &ledger.ManualRun{By: fran, Reason: "kernel upgrade"}
	}
	capped := func(c *ledger.Case) {
		c.Decision.Answers = append(c.Decision.Answers, remedy.Answer{
			Guardrail: "in_service_known", Effect: remedy.EffectCap, Cap: remedy.LevelConfirm, Observed: "assumed, nobody observes it",
		})
	}

	stuck := func(c *ledger.Case) {
		c.Stage, c.Outcome = remedy.StageProposed, remedy.OutcomeTold
		c.Unasked = &ledger.Unasked{Why: "2 people have to say yes, and 1 may (the file of n2 wants 2)"}
	}
	unasked := func(name string, change ...func(*ledger.Case)) example {
		return example{name, level(remedy.LevelConfirm, detailed(message(ledger.NoticeComplaint, newCase(append([]func(*ledger.Case){stuck}, change...)...)), ledger.NotAsked+"2 people have to say yes, and 1 may (the file of n2 wants 2)"))}
	}

	return map[string][]example{
		"complaint": {
			complaint("first"),
			{"again", again(complaint("").m)},
			complaint("stopped host", stoppedHost),
			complaint("recovered before it was told", func(c *ledger.Case) { c.Latest = goodFinding() }, closed(remedy.OutcomeSelfRecovered, "")),
			complaint("no decision, no plan, no finding", func(c *ledger.Case) { c.Decision, c.Plan, c.Opened, c.Latest = nil, nil, nil, nil }),
			complaint("another action", restart),
			complaint("promoted and executing since", approved, ran(remedy.KindAct, sam, "")),
			{"level unknown, capped", level(remedy.LevelBlocked, message(ledger.NoticeComplaint, newCase(capped)))},
			unasked("nobody could say yes"),
			unasked("nobody could say yes, recovered since", func(c *ledger.Case) { c.Latest = goodFinding() }, closed(remedy.OutcomeSelfRecovered, "")),
			unasked("nobody could say yes, asked since", asked, func(c *ledger.Case) { c.Unasked = nil }),
			{"the record is gone", func() chat.Message { m := complaint("").m; m.Case = nil; return m }()},
		},
		"question": {
			of(ledger.NoticeQuestion, "asked", asked),
			func() example {
				e := of(ledger.NoticeQuestion, "asked, with its record", asked)
				e.m.Sure = "canary_missing was right 57 of 58 times, at least 90.9%; drain worked 12 of 12 times"
				return e
			}(),
			of(ledger.NoticeQuestion, "stopped host, no undo, capped", asked, stoppedHost, capped, func(c *ledger.Case) { c.Plan.UndoSteps = nil }),
			of(ledger.NoticeQuestion, "no longer bad", asked, func(c *ledger.Case) { c.Latest = goodFinding() }),
			of(ledger.NoticeQuestion, "answered before it was told", approved),
			of(ledger.NoticeQuestion, "another plan since", asked, func(c *ledger.Case) { c.PlanHash = "000000000000" }),
			of(ledger.NoticeQuestion, "another action, no decision", asked, restart, func(c *ledger.Case) { c.Decision = nil }),
		},
		"asks": askExamples(),
		"answered": {
			of(ledger.NoticeAnswered, "approved", approved),
			of(ledger.NoticeAnswered, "approved and started", approved, ran(remedy.KindAct, sam, "")),
			of(ledger.NoticeAnswered, "denied", denied),
			of(ledger.NoticeAnswered, "asked anew since", asked),
		},
		"started": {
			of(ledger.NoticeStarted, "approved", approved, ran(remedy.KindAct, sam, "")),
			of(ledger.NoticeStarted, "auto", ran(remedy.KindAct, warden, "")),
			of(ledger.NoticeStarted, "by hand", byHand, ran(remedy.KindManual, fran, "")),
			of(ledger.NoticeStarted, "second attempt", ran(remedy.KindAct, warden, "", func(x *ledger.Execution) { x.Attempt = 2 })),
			of(ledger.NoticeStarted, "undo", func(c *ledger.Case) {
				wasOut(c)
				undo(remedy.UndoFixed, "", func(x *ledger.Execution) { x.StartedAt = at(3, 15, 0) })(c)
				c.Executions[0].StartedAt = at(3, 0, 0)
			}),
			of(ledger.NoticeStarted, "told after the undo", wasOut, undo(remedy.UndoTest, remedy.OutcomeDone), closed(remedy.OutcomeUndone, "test")),
			of(ledger.NoticeStarted, "put back", wasOut, ran(remedy.KindReassert, warden, "")),
			of(ledger.NoticeStarted, "no execution left"),
		},
		"forgotten": {
			{"frozen", page(of(ledger.NoticeForgotten, "", wasOut, staged(remedy.StageOut, remedy.OutcomeDone, ""), forgot("freeze: frozen by sam: release (limit none)")).m)},
			of(ledger.NoticeForgotten, "called off", wasOut, staged(remedy.StageOut, remedy.OutcomeDone, ""), forgot("cancelled by kim"), func(c *ledger.Case) { c.Forgotten.Cancelled = true }),
			of(ledger.NoticeForgotten, "put back since", wasOut, ran(remedy.KindReassert, warden, ""), staged(remedy.StageExecuting, "", "")),
			of(ledger.NoticeForgotten, "drained since", wasOut, staged(remedy.StageOut, remedy.OutcomeDone, "")),
		},
		"outcome": {
			outcomeOf("done, approved", approved, wasOut, staged(remedy.StageOut, remedy.OutcomeDone, "traffic gone after 1m27s")),
			outcomeOf("done, auto", ran(remedy.KindAct, warden, remedy.OutcomeDone, took(true)), staged(remedy.StageOut, remedy.OutcomeDone, "traffic gone after 8s")),
			outcomeOf("done, by hand", byHand, ran(remedy.KindManual, fran, remedy.OutcomeDone, took(true)), staged(remedy.StageOut, remedy.OutcomeDone, "")),
			outcomeOf("done, did not help", wasOut, staged(remedy.StageOut, remedy.OutcomeDone, "traffic gone after 8s"), unhelpful),
			outcomeOf("done, resolved", ran(remedy.KindAct, warden, remedy.OutcomeUnknown), staged(remedy.StageOut, remedy.OutcomeDone, "resolved by kim")),
			outcomeOf("done, in place", restart, ran(remedy.KindAct, warden, remedy.OutcomeDone, took(true), inPlace), closed(remedy.OutcomeDone, "")),
			{"unverified", page(outcomeOf("", wasOut, staged(remedy.StageOut, remedy.OutcomeUnverified, "still has traffic after 3m0s: 12 sessions, 4/s")).m)},
			outcomeOf("done, put back", wasOut, ran(remedy.KindReassert, warden, remedy.OutcomeDone, took(true)), staged(remedy.StageOut, remedy.OutcomeDone, "traffic gone after 4s")),
			outcomeOf("returned, forgotten", wasOut, closed(remedy.OutcomeReturned, "not put back within 10m: freeze: frozen by sam"), forgot("freeze")),
			outcomeOf("partial", wasOut, staged(remedy.StageOut, remedy.OutcomePartial, "lb-1 took it, lb-2 did not")),
			{"failed", page(outcomeOf("", ran(remedy.KindAct, sam, remedy.OutcomeFailed, output("No such server.\n\n")), closed(remedy.OutcomeFailed, "HAProxy refused")).m)},
			{"unknown", page(outcomeOf("", ran(remedy.KindAct, sam, remedy.OutcomeUnknown), staged(remedy.StageExecuting, remedy.OutcomeUnknown, "the connection broke after the command was sent")).m)},
			{"unknown undo", page(outcomeOf("", wasOut, undo(remedy.UndoFixed, remedy.OutcomeUnknown), staged(remedy.StageExecuting, remedy.OutcomeDone, "timeout")).m)},
			outcomeOf("unknown, and not executing", staged(remedy.StageDetected, remedy.OutcomeUnknown, "")),
			outcomeOf("aborted, still approved", approved, ran(remedy.KindAct, sam, remedy.OutcomeAborted), staged(remedy.StageWaiting, remedy.OutcomeAborted, "no data at the second look")),
			outcomeOf("aborted, open", ran(remedy.KindAct, warden, remedy.OutcomeAborted), staged(remedy.StageDetected, remedy.OutcomeAborted, "too late to start")),
			outcomeOf("aborted, started again since", ran(remedy.KindAct, warden, remedy.OutcomeAborted), staged(remedy.StageDetected, remedy.OutcomeAborted, ""), ran(remedy.KindAct, warden, "")),
			outcomeOf("aborted, by hand", byHand, ran(remedy.KindManual, fran, remedy.OutcomeAborted), closed(remedy.OutcomeAborted, "frozen")),
			outcomeOf("denied", denied),
			outcomeOf("expired", asked, closed(remedy.OutcomeExpired, "nobody answered")),
			outcomeOf("stale", approved, closed(remedy.OutcomeStale, "the plan is 111111111111 now")),
			outcomeOf("failed, resolved", ran(remedy.KindAct, sam, remedy.OutcomeUnknown), closed(remedy.OutcomeFailed, "resolved by kim")),
			outcomeOf("cancelled while out", wasOut, closed(remedy.OutcomeCancelled, "the action left the config")),
			outcomeOf("superseded", closed(remedy.OutcomeSuperseded, "W-4")),
			outcomeOf("cancelled", closed(remedy.OutcomeCancelled, "the action left the config")),
			outcomeOf("cancelled by a person", func(c *ledger.Case) {
				c.Cancel = &ledger.Cancel{By: fran, At: at(3, 15, 0), Reason: "known work"}
			}, closed(remedy.OutcomeCancelled, "by fran: known work")),
			outcomeOf("self_recovered", func(c *ledger.Case) { c.Latest = goodFinding() }, closed(remedy.OutcomeSelfRecovered, "")),
			outcomeOf("no_data", closed(remedy.OutcomeNoData, "unknown for 24h: no_series")),
			outcomeOf("undone, test", wasOut, undo(remedy.UndoTest, remedy.OutcomeDone), closed(remedy.OutcomeUndone, "test")),
			outcomeOf("undone, no reason", wasOut, undo("", remedy.OutcomeDone), closed(remedy.OutcomeUndone, "")),
			outcomeOf("undone, resolved", wasOut, undo(remedy.UndoFixed, remedy.OutcomeUnknown), closed(remedy.OutcomeUndone, "resolved by kim: looked at it")),
			outcomeOf("undone, in place", restart, ran(remedy.KindAct, warden, remedy.OutcomeDone, inPlace), undo(remedy.UndoWasFine, remedy.OutcomeDone), closed(remedy.OutcomeUndone, "was-fine")),
			outcomeOf("undo failed", wasOut, undo(remedy.UndoFixed, remedy.OutcomeFailed, output("No such server.")), staged(remedy.StageOut, remedy.OutcomeDone, "HAProxy refused")),
			outcomeOf("undo called off", wasOut, undo(remedy.UndoFixed, remedy.OutcomeAborted), staged(remedy.StageOut, remedy.OutcomeDone, "another execution runs")),
			outcomeOf("returned", wasOut, closed(remedy.OutcomeReturned, `another hand put it into "ready"`)),
			outcomeOf("gone", wasOut, closed(remedy.OutcomeGone, "")),
			outcomeOf("told", staged(remedy.StageProposed, remedy.OutcomeTold, "")),
			outcomeOf("counted, another action", restart, staged(remedy.StageProposed, remedy.OutcomeCounted, "")),
			outcomeOf("nothing decided"),
		},
		"pool_wide": {
			{"common mode begins", page(notice(ledger.NoticeStorm, "edge", "canary_missing: 4 of 10 hosts are bad at once and 2 may be: this is not a host problem, hands off"))},
			{"common mode ends", notice(ledger.NoticeStorm, "edge", "common mode is over for canary_missing")},
			{"a person resets it", notice(ledger.NoticeStorm, "edge", "kim reset common mode")},
			{"inventory shrank", page(notice(ledger.NoticePool, "edge", "the inventory shrank from 10 to 4 hosts: hands off until it is back or somebody runs `warden pool accept edge`"))},
			{"inventory is back", notice(ledger.NoticePool, "edge", "inventory is back at 10 hosts")},
			{"inventory accepted", notice(ledger.NoticePool, "edge", "kim accepted 4 hosts")},
			{"freeze", notice(ledger.NoticeStop, "", "frozen by kim: network work")},
			{"hold", again(notice(ledger.NoticeStop, "edge", "hold on web-07 by kim: disk swap"))},
			{"released", notice(ledger.NoticeStop, "edge", "web-07 released by kim")},
			{"source", notice(ledger.NoticeSource, "", "source prom can't be believed (its canary_target is not fresh): everything on it is unknown, and nobody is touched")},
			{"source is back", notice(ledger.NoticeSource, "", "source prom can be believed again")},
			{"no detail", notice(ledger.NoticeSource, "", "")},
			{"reload", notice(ledger.NoticeConfig, "", "config of n1 reloaded by kim: 1 promotion, 1 limit change\ndrain on edge  notify -> AUTO\npools.edge  min_in_service: 30 -> 20  (looser)")},
			{"reload of much", notice(ledger.NoticeConfig, "", "config of n1 reloaded by kim: 14 other keys"+strings.Repeat("\nlog  level: 1 -> 2  (needs a restart)", 14))},
			{"reload, no detail", notice(ledger.NoticeConfig, "", "")},
			{"demoted by a person", func() chat.Message {
				m := notice(ledger.NoticeDemoted, "edge", "drain on edge is notify at most now")
				m.Demotion = &trust.Demotion{Action: "drain", Pool: "edge", To: remedy.LevelNotify, From: remedy.LevelAuto, By: fran, Why: trust.WhyPerson, Reason: "a quiet night"}
				return m
			}()},
			{"demoted by itself", func() chat.Message {
				m := notice(ledger.NoticeDemoted, "edge", "drain on edge is confirm at most now")
				m.Demotion = &trust.Demotion{Action: "drain", Pool: "edge", To: remedy.LevelConfirm, From: remedy.LevelAuto, Why: trust.WhyWrong, Case: 1077, Reason: "deploy"}
				m.Cause = "Cause I can see: 3 of 10 were bad. Suggest `max_bad_fraction = 0.1`: on this record it costs 0 of 12 right calls and removes 1 wrong call."
				return m
			}()},
			{"demoted, and the host is back", func() chat.Message {
				m := message(ledger.NoticeDemoted, newCase(approved, wasOut, undo(remedy.UndoWasFine, remedy.OutcomeDone), closed(remedy.OutcomeUndone, "")))
				m.Case.Executions[1].FinishedAt = m.Case.Executions[0].FinishedAt.Add(4 * time.Minute)
				m.Demotion = &trust.Demotion{Action: "drain", Pool: m.Case.Pool, To: remedy.LevelConfirm, From: remedy.LevelAuto, Why: trust.WhyRegretted, Case: m.Case.ID}
				m.Cause = "Cause I can see: web-07 was good again by itself after 7m. Suggest `for = \"8m\"`: on this record it costs 0 of 12 right calls and removes 1 wrong call."
				return m
			}()},
			{"demoted, and the host is still out", func() chat.Message {
				m := message(ledger.NoticeDemoted, newCase(approved, wasOut))
				m.Demotion = &trust.Demotion{Action: "drain", Pool: m.Case.Pool, To: remedy.LevelConfirm, From: remedy.LevelAuto, Why: trust.WhyWrong, Case: m.Case.ID}
				m.Cause = trust.ExplainWrong(nil)
				return m
			}()},
			{"reviewed", notice(ledger.NoticeReviewed, "edge", "fran reviewed drain on edge: the deploy did it; its gate is judged again\non record: 61 cases, 57 of them right and 1 wrong\ndrain on edge is auto now, it was confirm")},
			{"people differ", detailed(message(ledger.NoticeLabel, newCase(approved, wasOut)), "fran says wrong; people differ; wrong counts: it was a deploy")},
			{"a correction", detailed(message(ledger.NoticeLabel, newCase(approved, wasOut)), "sam takes a label back, and had said right; nothing counts")},
			{"demoted, reviewed since", notice(ledger.NoticeDemoted, "edge", "drain on edge is confirm at most now, it was auto: an action was wrong (W-1077)")},
		},
	}
}

func TestMessagesReadAsInTheGoldenFiles(t *testing.T) {
	for name, list := range examples() {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			for _, e := range list {
				got.WriteString("== " + e.name + "\n")
				if err := chat.NewConsole(&got, chat.ConsoleOptions{}).Announce(t.Context(), e.m); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join("testdata", name+".golden")
			golden.Check(t, *update, path, got.String())
		})
	}
}
