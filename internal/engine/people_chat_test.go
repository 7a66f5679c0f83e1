package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"warden/internal/remedy"
)

// TestNobodysListAdmitsNobodyOfAChat: where the config names no approvers, the
// mode of the socket is the list of who may. Who comes from a chat is on no list.
func TestNobodysListAdmitsNobodyOfAChat(t *testing.T) {
	t.Parallel()
	carol := remedy.Actor{Name: "carol@example.net", Keys: []string{"slack:U0CAROL", "carol@example.net"}, Via: "slack", Person: true}
	named := remedy.Actor{Name: "carol", Via: "slack", Person: true} // the file knows her name; her surface is the same
	code := func(err error) string {
		if f, ok := errors.AsType[*Refusal](err); ok {
			return f.Code
		}
		return ""
	}
	story(t, func(r *rig) {
		r.rounds(2 * time.Minute)
		r.must(r.e.Freeze(t.Context(), carol, "anybody may stop warden", time.Time{}))
		for _, by := range []remedy.Actor{carol, named} {
			for what, do := range map[string]func() error{
				"run": func() error {
					_, err := r.e.RunByHand(r.ctx(), by, RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(2)}, Reason: "bored"})
					return err
				},
				"unfreeze":    func() error { return r.e.Unfreeze(r.ctx(), by) },
				"accept pool": func() error { return r.e.AcceptPool(r.ctx(), by, ingest) },
				"operate":     func() error { return r.e.MayOperate(by) },
				"an action that is no more": func() error {
					return r.e.mayAct(by, "gone")
				},
			} {
				var err error
				r.do(func() { err = do() })
				if code(err) != RefusedNotYours || !strings.Contains(err.Error(), "name approvers in the config") {
					t.Errorf("%s by %s: %v", what, by.Name, err)
				}
			}
		}
		if r.lb.acts() != 0 || r.l.Status().Freeze == nil {
			t.Errorf("%d acts, freeze %v", r.lb.acts(), r.l.Status().Freeze)
		}
		socket := remedy.Actor{Name: "carol", UID: 1004, Via: "cli", Person: true}
		r.must(r.e.Unfreeze(r.ctx(), socket))
		r.do(func() { r.must(r.e.mayAct(socket, drain)) })
	}, level(remedy.LevelNotify), acting(func(a *Action) { a.Approvers = nil }))
	story(t, func(r *rig) { // and where there is a list, it counts in a chat, too
		listed := remedy.Actor{Name: "fran@example.net", Keys: []string{"slack:@oncall-ops"}, Via: "slack", Person: true}
		r.must(r.e.mayAct(listed, drain))
		r.must(r.e.mayLift(listed))
		if code(r.e.mayAct(carol, drain)) != RefusedNotYours {
			t.Error("carol may act")
		}
	}, level(remedy.LevelNotify), acting(func(a *Action) { a.Approvers = []string{"slack:@oncall-ops"} }))
}
