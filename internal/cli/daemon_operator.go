package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"warden/internal/cluster"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// errStartAgain is why a daemon ends that wants to be started again.
var errStartAgain = errors.New("this process ends and wants to be started again")

// operator is the daemon as far as people look after the cluster with it. Only
// those who may lift restraints may change anything, and every change is in the
// ledger with their name.
type operator struct{ d *daemon }

var _ web.Operator = operator{}

// joinWithin is how long a join waits for the node to catch up.
const joinWithin = 90 * time.Second

// The codes of refusals that are about the cluster itself.
const (
	refusedMembers = "members"    // the members can't be changed like that
	refusedRestore = "not_frozen" // a restore needs a freeze, and nothing that runs
)

func refuseMembers(code, format string, args ...any) error {
	return &engine.Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// clusterError words an error of the cluster for the API.
func clusterError(err error) error {
	if _, done := errors.AsType[*engine.Refusal](err); done {
		return err
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cluster.ErrNoPeer):
		return refuseMembers(engine.RefusedNotFound, "%v", err)
	case errors.Is(err, cluster.ErrMembership):
		return refuseMembers(refusedMembers, "%v", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errJoining):
		return refuseMembers(ledger.RefusedExpired, "%v", err)
	case errors.Is(err, cluster.ErrNotLeader), errors.Is(err, cluster.ErrClosed):
		return fmt.Errorf("%w: %w", engine.ErrNotCommitted, err)
	}
	return err
}

// Peers implements web.Members.
func (o operator) Peers(ctx context.Context) []web.RaftPeer {
	var out []web.RaftPeer
	for _, m := range o.d.node.Members(ctx) {
		out = append(out, webPeer(m))
	}
	return append(out, o.ghosts(out)...)
}

func webPeer(m cluster.Member) web.RaftPeer {
	p := web.RaftPeer{
		Node: m.Name, ID: m.ID, Address: m.Address, State: "follower", Voter: m.Voter, RaftVersion: cluster.RaftVersion,
		CommitIndex: m.Commit, LastIndex: m.Last, TrailsLeaderBy: m.TrailsBy, LastContactSecs: m.LastContact.Seconds(),
		Healthy: m.Healthy, Why: m.Why,
	}
	if p.Node == "" {
		p.Node = nameIn(m.ID)
	}
	switch {
	case m.Leader:
		p.State = "leader"
	case m.Answered.IsZero() || !m.Healthy:
		p.State = "silent"
	case !m.Voter:
		p.State = "joining"
	}
	return p
}

// member finds a member by its id, or by its name where that is one.
func (o operator) member(ctx context.Context, word string) (web.RaftPeer, []web.RaftPeer, error) {
	all := o.Peers(ctx)
	var found []web.RaftPeer
	for _, p := range all {
		if string(p.ID) == word {
			return p, all, nil
		}
		if strings.EqualFold(p.Node, word) || isNode(p.ID, word) {
			found = append(found, p)
		}
	}
	if len(found) == 1 {
		return found[0], all, nil
	}
	var ids []string
	for _, p := range found {
		ids = append(ids, string(p.ID))
	}
	if len(found) > 1 {
		return web.RaftPeer{}, all, refuseMembers(engine.RefusedAmbiguous, "several members are called %s: say which by its id: %s", word, strings.Join(ids, ", "))
	}
	if id := remedy.NodeID(word); slices.Contains(o.d.ledger.Status().Invited, id) {
		return web.RaftPeer{Node: word, ID: id}, all, nil
	}
	return web.RaftPeer{}, all, refuseMembers(engine.RefusedNotFound, "no member is called %q: see `warden operator raft list-peers`", word)
}

// leads refuses on a node that doesn't lead, which forwarding makes rare.
func (o operator) leads() error {
	if !o.d.leads() {
		return fmt.Errorf("%w: %w", engine.ErrNotCommitted, cluster.ErrNotLeader)
	}
	return nil
}

// commit writes operations into the ledger as that person's.
func (o operator) commit(ctx context.Context, by remedy.Actor, bodies ...ledger.Body) error {
	e, err := ledger.NewEntry(o.d.Clock.Now(), by, o.d.node.ID(), bodies...)
	if err != nil {
		return err
	}
	applied, err := o.d.log().Commit(ctx, e)
	if err != nil {
		return err
	}
	for _, r := range applied.Results {
		if !r.OK {
			return &engine.Refusal{Code: r.Code, Reason: r.Reason}
		}
	}
	return nil
}

// errJoining says that a join isn't through yet.
var errJoining = errors.New("it is not a voter yet: repeat the join to go on waiting")

// Join implements web.Members.
func (o operator) Join(ctx context.Context, by remedy.Actor, name string) (web.RaftPeer, error) {
	if err := o.d.engine.MayOperate(by); err != nil {
		return web.RaftPeer{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, joinWithin, errJoining)
	defer cancel()
	id, err := o.d.node.Join(ctx, name, o.d.ledger.Status().Voters, func(ctx context.Context, j cluster.Joiner) error {
		return o.commit(ctx, by, &ledger.VoterAdd{Node: j.ID, MaxVersion: j.CommandVersion})
	})
	if err != nil {
		return web.RaftPeer{}, clusterError(err)
	}
	p, _, err := o.member(ctx, string(id))
	return p, err
}

// Remove implements web.Members. The leader removes others, never itself, and
// nobody whose absence would leave no majority of those that are healthy.
func (o operator) Remove(ctx context.Context, by remedy.Actor, peer string) (web.RaftPeer, error) {
	if err := o.d.engine.MayOperate(by); err != nil {
		return web.RaftPeer{}, err
	}
	if err := o.leads(); err != nil {
		return web.RaftPeer{}, err
	}
	p, all, err := o.member(ctx, peer)
	if err != nil {
		return p, err
	}
	if p.ID == o.d.node.ID() {
		return p, refuseMembers(refusedMembers, "%s leads, and a leader doesn't remove itself: hand over first with `warden operator raft transfer-leader`, then ask again", p.ID)
	}
	voters, healthy := votersWithout(all, p.ID)
	if p.Voter && healthy < voters/2+1 {
		return p, refuseMembers(refusedMembers, "without %s, %d of %d voters would be healthy, which is no majority: bring the others back, or remove the one that is lost", p.ID, healthy, voters)
	}
	err = o.d.node.Remove(ctx, p.ID, func(ctx context.Context) error {
		return o.commit(ctx, by, &ledger.VoterRemove{Node: p.ID})
	})
	return p, clusterError(err)
}

// votersWithout counts the voters, and the healthy ones among them, without one.
func votersWithout(all []web.RaftPeer, without remedy.NodeID) (voters, healthy int) {
	for _, p := range all {
		if p.Voter && p.ID != without {
			voters++
			if p.Healthy {
				healthy++
			}
		}
	}
	return voters, healthy
}

// StepDown implements web.Vault.
func (o operator) StepDown(ctx context.Context, by remedy.Actor, to string) (web.RaftPeer, error) {
	if err := o.d.engine.MayOperate(by); err != nil {
		return web.RaftPeer{}, err
	}
	if err := o.leads(); err != nil {
		return web.RaftPeer{}, err
	}
	self, all, err := o.member(ctx, string(o.d.node.ID()))
	if err != nil {
		return self, err
	}
	voters, healthy := votersWithout(all, self.ID)
	switch {
	case voters == 0:
		return self, refuseMembers(refusedMembers, "%s is the only voter, so nobody else can lead: restart it if that is what you want", self.ID)
	case healthy < (voters+1)/2+1:
		return self, refuseMembers(refusedMembers, "while %s starts again, %d of %d voters would be healthy, which is no majority: bring the others back first", self.ID, healthy, voters+1)
	}
	var next remedy.NodeID
	if to != "" {
		p, _, err := o.member(ctx, to)
		if err != nil {
			return self, err
		}
		if p.ID == self.ID || !p.Voter || !p.Healthy {
			return self, refuseMembers(refusedMembers, "%s can't take over (%s): name another voter, or none", p.ID, why(p, self.ID))
		}
		next = p.ID
	}
	words := fmt.Sprintf("%s has %s hand over the leadership: its process ends and is started again", by.Name, self.ID)
	if err := o.commit(ctx, by, &ledger.NoticeAdd{Kind: ledger.NoticeConfig, Detail: words}); err != nil {
		return self, clusterError(err)
	}
	return self, clusterError(o.d.node.StepAside(next, words))
}

func why(p web.RaftPeer, leader remedy.NodeID) string {
	switch {
	case p.ID == leader:
		return "it leads already"
	case !p.Voter:
		return "it is no voter"
	}
	return p.Why
}

// Save implements web.Vault.
func (o operator) Save(ctx context.Context, confirmed bool) (io.WriterTo, error) {
	if confirmed {
		if err := o.d.node.Verify(ctx); err != nil {
			return nil, clusterError(err)
		}
	} else if err := o.d.node.Ready(); err != nil {
		return nil, refuseMembers(engine.RefusedTransient, "this node's ledger is not whole: %v", err)
	}
	return o.d.ledger.Snapshot()
}

// Restore implements web.Vault. It wants a freeze and nothing that runs: what is
// running would end in a ledger that has never heard of it.
func (o operator) Restore(ctx context.Context, by remedy.Actor, saved []byte, of string) (web.RestoreReport, error) {
	var out web.RestoreReport
	if err := o.d.engine.MayOperate(by); err != nil {
		return out, err
	}
	from, err := ledger.Inspect(bytes.NewReader(saved))
	if err != nil {
		return out, refuseMembers(ledger.RefusedBad, "%v", err)
	}
	was := o.d.ledger.Status()
	if from.ClusterID != was.ClusterID && from.ClusterID != of {
		return out, refuseMembers(refusedMembers, "the snapshot is of cluster %q and this is %q: if that is meant, say so with --force-cluster=%s", from.ClusterID, was.ClusterID, from.ClusterID)
	}
	at := o.d.Clock.Now()
	words := fmt.Sprintf("%s restored the ledger to entry %d of %s, of cluster %s: what was done since then is not known to warden; compare `warden status` with what is really out of service, then `warden unfreeze`",
		by.Name, from.Index, from.Time.UTC().Format(time.RFC3339), from.ClusterID)
	adopted := func() {}
	err = o.d.node.Restore(ctx, func(index, term uint64) (io.WriterTo, error) {
		now := o.d.ledger.Status()
		if err := o.still(now); err != nil {
			return nil, err
		}
		done, err := o.d.floor.adopts(from.Needs)
		if err != nil {
			return nil, err
		}
		adopted = done
		if from.ClusterID == now.ClusterID && now.Index > from.Index {
			out.GaveUp = now.Index - from.Index
		}
		return o.d.ledger.Adopt(bytes.NewReader(saved), ledger.Adoption{
			ClusterID: now.ClusterID, Voters: now.Voters, Invited: now.Invited, Index: index, Term: term, At: at, By: by, Why: words,
		})
	})
	adopted()
	if errors.Is(err, cluster.ErrUnsure) {
		// The ledger may be the saved one now, or become it.
		o.d.startAgain(fmt.Errorf("%w: %w", errStartAgain, err))
	}
	if err != nil {
		return out, clusterError(err)
	}
	out.From, out.Freeze = from, o.d.ledger.Status().Freeze
	// The engine still holds what it made of the old ledger.
	o.d.startAgain(fmt.Errorf("%w: %s", errStartAgain, words))
	return out, nil
}

// still refuses a restore while anything moves.
func (o operator) still(now ledger.Status) error {
	if now.Freeze == nil || !now.Freeze.Until.IsZero() {
		return refuseMembers(refusedRestore, "a restore needs everything to stand still: `warden freeze --reason restore`, without --for, then ask again")
	}
	if running := o.d.ledger.Cases(ledger.CaseFilter{Stage: remedy.StageExecuting}); len(running) > 0 {
		return refuseMembers(refusedRestore, "%s still executes: wait until it has ended, see `warden show %s`", running[0].ID, running[0].ID)
	}
	return nil
}

// startAgain has the process end in order, to be started again. Only the first
// reason counts.
func (d *daemon) startAgain(why error) {
	select {
	case d.quit <- why:
	default:
	}
}

// startAgainStatus ends the process with the status upon which systemd starts it
// again (RestartForceExitStatus=), where that is what it wants.
func startAgainStatus(log *zap.Logger, err error) error {
	if !errors.Is(err, errStartAgain) && !errors.Is(err, cluster.ErrStepAside) {
		return err
	}
	log.Warn("this process has ended in order and wants to be started again", zap.Int("status", ExitStartAgain), zap.NamedError("why", err))
	return exit(ExitStartAgain)
}

// recovered is the state that this node goes on from as the only voter of a new
// cluster.
func (d *daemon) recovered(r cluster.Recovery) (io.WriterTo, error) {
	w, err := d.ledger.Snapshot()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, err
	}
	now := d.ledger.Status()
	return d.ledger.Adopt(&b, ledger.Adoption{
		ClusterID: r.ClusterID, Voters: []remedy.NodeID{r.Node}, Index: now.Index, Term: now.Term, At: r.At, By: r.By,
		Why: fmt.Sprintf("%s recovered %s alone at %s, cluster %s is %s now and %s vote no more: what the lost nodes did after entry %d is not known to warden; compare `warden status` with what is really out of service, then `warden unfreeze`",
			r.By.Name, r.Node, r.At.Format(time.RFC3339), r.Was, r.ClusterID, others(r), r.LastIndex),
	})
}

// others are the voters that a recovery drops, in words.
func others(r cluster.Recovery) string {
	var ids []string
	for _, v := range r.Voters {
		if v != r.Node {
			ids = append(ids, string(v))
		}
	}
	if len(ids) == 0 {
		return "no others"
	}
	return strings.Join(ids, ", ")
}
