package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"warden/internal/cluster"
	"warden/internal/ledger"
	"warden/internal/peertls"
	"warden/internal/remedy"
	"warden/internal/web"
)

// openNode opens the node on its data directory, with peers when the config
// lists any. What it needs for that is read once: those keys need a restart.
func (d *daemon) openNode(ctx context.Context, machine cluster.Machine) (err error) {
	if machine, err = d.openAudit(machine); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closeAudit(ctx))
		}
	}()
	o := cluster.Options{
		Dir: d.Storage, NodeName: d.NodeName, Machine: machine, Logger: d.Logger, Registerer: d.Registry, Exit: d.Exit,
		CommandVersion: ledger.Version, Recovered: d.recovered, Network: d.Machine.Network,
	}
	c := d.file.Cluster
	for _, p := range c.PeerList() {
		o.Peers = append(o.Peers, cluster.Peer(p))
	}
	if len(o.Peers) > 0 {
		self, err := cluster.Self(o.Peers, d.NodeName)
		if err != nil {
			return err
		}
		key, err := c.TLSKeyFile.Path(d.Env)
		if err != nil {
			return fmt.Errorf("%s: cluster.tls_key_file: %w", d.ConfigFile, err)
		}
		if d.tls, err = peertls.Load(d.Machine.tlsFile(c.TLSCertFile), d.Machine.tlsFile(key), d.Machine.tlsFile(c.TLSCAFile), peertls.Options{
			Name: self.Name, Env: d.Env, Clock: d.Clock, Logger: d.Logger.Named("tls"), Registerer: d.Registry,
		}); err != nil {
			return fmt.Errorf("%s: %w", d.ConfigFile, err)
		}
		o.Credentials, o.Timing, o.Listen = d.tls, cmp.Or(d.Machine.Timing, cluster.Timing(c.Timing)), c.ListenAddress
		if d.PeerListen != "" {
			o.Listen = d.PeerListen
		}
	}
	d.node, err = cluster.Open(ctx, o)
	return err
}

// closeNode hands over, when this node leads, and ends its part in the cluster.
func (d *daemon) closeNode(ctx context.Context) error {
	err := errors.Join(d.node.Shutdown(ctx), d.closeAudit(ctx))
	if d.tls != nil {
		d.tls.Close()
	}
	return err
}

// roll is the ledger's side of who votes, for the leader's cluster.Keep.
type roll struct {
	log    raftLog
	ledger *ledger.Ledger
	now    func() time.Time
}

// Voters implements cluster.Roll.
func (r roll) Voters() (voters, invited []remedy.NodeID) {
	s := r.ledger.Status()
	return s.Voters, s.Invited
}

// Add implements cluster.Roll. Warden itself adds only who was invited.
func (r roll) Add(ctx context.Context, j cluster.Joiner) error {
	e, err := ledger.NewEntry(r.now(), remedy.Warden(), r.log.node.ID(), &ledger.VoterAdd{Node: j.ID, MaxVersion: j.CommandVersion})
	if err != nil {
		return err
	}
	applied, err := r.log.Commit(ctx, e)
	if err != nil {
		return err
	}
	if len(applied.Results) != 1 || !applied.Results[0].OK {
		return errors.New(whyNot(applied))
	}
	return nil
}

// whyNot is why the ledger refused an entry, in its words.
func whyNot(a ledger.Applied) string {
	for _, r := range a.Results {
		if !r.OK {
			return r.Reason
		}
	}
	return "the ledger gave no reason: this is a bug, please report it"
}

// nameCluster sees to it, at the beginning of a tenure, that the cluster has a
// name and that the node knows it.
func (d *daemon) nameCluster(ctx context.Context) error {
	if err := found(ctx, d.log(), d.ledger, d.Clock.Now()); err != nil {
		return err
	}
	return d.node.SetClusterID(d.ledger.Status().ClusterID)
}

// keepVoters keeps raft's voters those of the ledger until the returned
// function is called, which waits for it.
func (d *daemon) keepVoters(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.node.Keep(ctx, roll{log: d.log(), ledger: d.ledger, now: d.Clock.Now}) // it ends with ctx, and logs the rest
	}()
	return func() {
		cancel()
		<-done
	}
}

// ready is whether the node is up to date, as the HTTP surface tells it.
func (d *daemon) ready() error {
	err := d.node.Ready()
	if b, ok := errors.AsType[*cluster.BehindError](err); ok {
		return &web.Behind{Index: b.Index, Text: b.Error()}
	}
	if errors.Is(err, cluster.ErrNoCluster) {
		return alone{err}
	}
	return err
}

// alone is a node without a cluster, in its own words.
type alone struct{ error }

// Is makes it the HTTP surface's ErrNoCluster too.
func (alone) Is(target error) bool { return target == web.ErrNoCluster }

// Unwrap returns the cluster's own error.
func (a alone) Unwrap() error { return a.error }
