package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// detached is the context of everything that changes something: the caller may
// hang up, and what was begun goes on. An execution that it starts outlives
// the request, and would otherwise be called off with it.
func detached(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// write does one person's request: it finds out who asks, does it and logs it.
func (s *surface) write(ctx context.Context, what string, do func(ctx context.Context, by remedy.Actor) error) error {
	by, err := actor(ctx)
	if err != nil {
		return err
	}
	err = do(detached(ctx), by)
	fields := []zap.Field{zap.String("request", what), zap.String("by", by.Name), zap.Uint32("uid", by.UID)}
	if by.Node != "" {
		fields = append(fields, zap.String("via_node", string(by.Node)))
	}
	if err != nil {
		s.Logger.Info("a person's request was refused", append(fields, zap.Error(err))...)
		return refused(err)
	}
	s.Logger.Info("a person's request", fields...)
	return nil
}

// caseInputWith is a request about one case.
type caseInputWith[T any] struct {
	ID   string `path:"id" example:"W-1042" doc:"the case, as W-1042 or 1042"`
	Body T
}

type bodyInput[T any] struct{ Body T }

// caseRoute registers a request that changes a case and answers with it.
func caseRoute[T any](s *surface, api huma.API, verb, summary string, do func(context.Context, remedy.Actor, remedy.CaseID, T) error) {
	route(api, http.MethodPost, "/cases/{id}/"+verb, verb+"-case", summary, func(ctx context.Context, in *caseInputWith[T]) (*CaseDetail, error) {
		id, err := caseID(in.ID)
		if err != nil {
			return nil, err
		}
		if err := s.write(ctx, verb+" "+id.String(), func(ctx context.Context, by remedy.Actor) error {
			return do(ctx, by, id, in.Body)
		}); err != nil {
			return nil, err
		}
		return s.caseDetail(id)
	})
}

// caseWrites registers what acts on hosts.
func (s *surface) caseWrites(api huma.API) {
	caseRoute(s, api, "approve", "Say yes to a case's question", func(ctx context.Context, by remedy.Actor, id remedy.CaseID, q ApproveRequest) error {
		return s.Engine.Answer(ctx, by, ledger.CaseAnswer{Case: id, Approve: true, PlanHash: q.PlanHash, Reason: q.Reason, Question: q.Question, Seen: q.Seen})
	})
	caseRoute(s, api, "deny", "Say no to a case's question", func(ctx context.Context, by remedy.Actor, id remedy.CaseID, q DenyRequest) error {
		return s.Engine.Answer(ctx, by, ledger.CaseAnswer{Case: id, Reason: q.Reason, Question: q.Question})
	})
	caseRoute(s, api, "snooze", "Ask, or announce, a case again later", func(ctx context.Context, by remedy.Actor, id remedy.CaseID, q SnoozeRequest) error {
		return s.Engine.Snooze(ctx, by, ledger.CaseSnooze{Case: id, Reason: q.Reason, Question: q.Question}, time.Duration(q.Seconds)*time.Second)
	})
	caseRoute(s, api, "cancel", "Stop a case before its effect", func(ctx context.Context, by remedy.Actor, id remedy.CaseID, q CancelRequest) error {
		return s.Engine.Cancel(ctx, by, ledger.CaseCancel{Case: id, Reason: q.Reason})
	})
	caseRoute(s, api, "undo", "Put a case's host back", func(ctx context.Context, by remedy.Actor, id remedy.CaseID, q UndoRequest) error {
		return s.Engine.Undo(ctx, by, id, q.Reason)
	})
	caseRoute(s, api, "resolve", "Say where a host of unknown outcome is", func(ctx context.Context, by remedy.Actor, id remedy.CaseID, q ResolveRequest) error {
		return s.Engine.Resolve(ctx, by, ledger.Resolve{Case: id, Out: q.As == "out", Reason: q.Reason})
	})
	route(api, http.MethodPost, "/runs/preview", "preview-run", "What running an action by hand would do", func(ctx context.Context, in *bodyInput[RunRequest]) (*Preview, error) {
		// Asking backends is for people who can be told apart, too.
		if _, err := actor(ctx); err != nil {
			return nil, err
		}
		q, err := s.run(in.Body)
		if err != nil {
			return nil, refused(err)
		}
		return preview(s.Engine.PreviewRun(ctx, q))
	})
	route(api, http.MethodPost, "/runs", "run", "Run an action by hand on one host", func(ctx context.Context, in *bodyInput[RunRequest]) (*CaseDetail, error) {
		var id remedy.CaseID
		what := fmt.Sprintf("run %s on %s", in.Body.Action, in.Body.Host)
		err := s.write(ctx, what, func(ctx context.Context, by remedy.Actor) error {
			q, err := s.run(in.Body)
			if err != nil {
				return err
			}
			id, err = s.Engine.RunByHand(ctx, by, q)
			return err
		})
		if err != nil {
			return nil, err
		}
		return s.caseDetail(id)
	})
}

// run finds the host that a run means.
func (s *surface) run(q RunRequest) (engine.RunRequest, error) {
	t, err := s.Engine.Find(string(q.Host), q.Pool)
	if err != nil {
		return engine.RunRequest{}, err
	}
	return engine.RunRequest{Action: q.Action, Target: t, Reason: q.Reason, Acknowledged: q.Acknowledge, PlanHash: q.PlanHash, Once: q.Once}, nil
}

// preview words a preview, or why there is none.
func preview(p engine.Preview, err error) (*Preview, error) {
	if err != nil {
		return nil, refused(err)
	}
	p.Plan.Steps, p.Decision.Answers = list(p.Plan.Steps), list(p.Decision.Answers)
	return &Preview{
		Schema: SchemaPreview, Allowed: p.Decision.Allowed() && len(p.Decision.Asks) == 0,
		Plan: p.Plan, PlanHash: p.Plan.Hash(), Decision: p.Decision, Warnings: list(p.Warnings),
	}, nil
}

type releaseInput struct {
	Target string `query:"target" required:"true" minLength:"1" doc:"a host, or a pool"`
	Pool   string `query:"pool" doc:"needed only when several pools have the host"`
}

// stopWrites registers what holds warden back and lets it go.
func (s *surface) stopWrites(api huma.API) {
	route(api, http.MethodPost, "/holds", "hold", "Keep warden's hands off a host or a pool", func(ctx context.Context, in *bodyInput[HoldRequest]) (*Restraints, error) {
		q := in.Body
		until, err := s.until(q.For)
		if err != nil {
			return nil, err
		}
		return s.restrain(ctx, "hold "+q.Target+" for "+q.For, func(ctx context.Context, by remedy.Actor) error {
			t, err := s.Engine.Find(q.Target, q.Pool)
			if err != nil {
				return err
			}
			return s.Engine.Hold(ctx, by, t, q.Reason, until)
		})
	})
	route(api, http.MethodDelete, "/holds", "release", "End a hold", func(ctx context.Context, in *releaseInput) (*Restraints, error) {
		return s.restrain(ctx, "release "+in.Target, func(ctx context.Context, by remedy.Actor) error {
			t, err := s.held(in.Target, remedy.PoolName(in.Pool))
			if err != nil {
				return err
			}
			return s.Engine.Release(ctx, by, t)
		})
	})
	route(api, http.MethodPost, "/freeze", "freeze", "Stop all acting", func(ctx context.Context, in *bodyInput[FreezeRequest]) (*Restraints, error) {
		var until time.Time
		if in.Body.For != "" {
			var err error
			if until, err = s.until(in.Body.For); err != nil {
				return nil, err
			}
		}
		return s.restrain(ctx, "freeze", func(ctx context.Context, by remedy.Actor) error {
			return s.Engine.Freeze(ctx, by, in.Body.Reason, until)
		})
	})
	route(api, http.MethodDelete, "/freeze", "unfreeze", "Lift the freeze", func(ctx context.Context, _ *none) (*Restraints, error) {
		return s.restrain(ctx, "unfreeze", s.Engine.Unfreeze)
	})
	route(api, http.MethodPost, "/pools/{name}/accept", "accept-pool", "Accept a pool's present size", func(ctx context.Context, in *poolInput) (*PoolDetail, error) {
		pool := remedy.PoolName(in.Name)
		err := s.write(ctx, "accept pool "+in.Name, func(ctx context.Context, by remedy.Actor) error {
			return s.Engine.AcceptPool(ctx, by, pool)
		})
		if err != nil {
			return nil, err
		}
		return s.poolDetail(pool)
	})
}

// held finds the pool or host of a hold among the holds themselves, so that a
// host that has left the inventory can be released, and one that no round has
// seen yet. What isn't held is looked for in the inventory, for the reason why.
func (s *surface) held(word string, pool remedy.PoolName) (engine.Target, error) {
	if pool == "" && s.knows(remedy.PoolName(word)) == nil {
		return engine.Target{Pool: remedy.PoolName(word)}, nil
	}
	var found []engine.Target
	for _, h := range s.Ledger.Status().Holds {
		switch {
		case h.Host == "" && pool == "" && word == string(h.Pool):
			return engine.Target{Pool: h.Pool}, nil
		case h.Host != "" && word == string(h.Host) && (pool == "" || pool == h.Pool):
			found = append(found, engine.Target{Pool: h.Pool, Host: h.Host})
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return s.Engine.Find(word, pool)
}

// restrain sets or lifts a restraint and answers with those in force.
func (s *surface) restrain(ctx context.Context, what string, do func(context.Context, remedy.Actor) error) (*Restraints, error) {
	if err := s.write(ctx, what, do); err != nil {
		return nil, err
	}
	led := s.Ledger.Status()
	return &Restraints{Schema: SchemaRestraints, Freeze: led.Freeze, Holds: list(led.Holds)}, nil
}

// until is the instant that a duration from now ends.
func (s *surface) until(length string) (time.Time, error) {
	d, err := config.ParseDuration(length)
	if err != nil || d <= 0 {
		detail := "it must be longer than 0"
		if err != nil {
			detail = err.Error()
		}
		return time.Time{}, problem(http.StatusUnprocessableEntity, CodeInvalid, fmt.Sprintf("for: %q: %s", length, detail))
	}
	return s.now().Add(time.Duration(d)), nil
}
