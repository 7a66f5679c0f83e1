package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/cluster"
	"warden/internal/ledger"
	"warden/internal/peertls"
	"warden/internal/realtest"
)

// makeStores founds a cluster of these nodes, stops it, and leaves their data
// directories below dir.
func makeStores(tb testing.TB, dir string, names ...string) (err error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	peers, creds, err := loopback(tb, dir, names)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	lead, stop := context.WithCancel(ctx)
	defer stop()
	var nodes []*cluster.Node
	defer func() {
		for _, n := range nodes {
			err = errors.Join(err, n.Shutdown(ctx))
		}
	}()
	for _, name := range names {
		l := ledger.New()
		n, err := cluster.Open(ctx, cluster.Options{
			Dir: filepath.Join(dir, name), NodeName: name, Machine: l, Logger: zap.NewNop(), Peers: peers, Credentials: creds[name],
			Timing: cluster.TimingDefault, CommandVersion: ledger.Version,
		})
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
		group.Go(func() {
			_ = n.Lead(lead, func(ctx context.Context, _ uint64) error {
				log := raftLog{node: n, floor: &floor{ledger: l}}
				if err := found(ctx, log, l, time.Now()); err != nil {
					return err
				}
				return n.Keep(ctx, roll{log: log, ledger: l, now: time.Now})
			})
		})
	}
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		all := !slices.ContainsFunc(nodes, func(n *cluster.Node) bool {
			s, err := n.Status()
			return err != nil || len(s.Voters) != len(names)
		})
		if all {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// loopback makes addresses and certificates for nodes on this machine; none for
// a node alone.
func loopback(tb testing.TB, dir string, names []string) ([]cluster.Peer, map[string]cluster.Credentials, error) {
	tb.Helper()
	creds := map[string]cluster.Credentials{}
	if len(names) == 1 {
		return nil, creds, nil
	}
	ca, err := peertls.NewAuthority("test", time.Now(), day)
	if err != nil {
		return nil, nil, err
	}
	var peers []cluster.Peer
	for _, name := range names {
		peers = append(peers, cluster.Peer{Name: name, Address: realtest.Address(tb)})
		pair, err := peertls.Issue(ca, peertls.Request{Name: name, Lasts: day}, time.Now())
		if err != nil {
			return nil, nil, err
		}
		at := func(what string) string { return filepath.Join(dir, fmt.Sprintf("%s.%s", name, what)) }
		if err := errors.Join(createFile(at("crt"), pair.Cert, 0o600), createFile(at("key"), pair.Key, 0o600), createFile(at("ca"), ca.Cert, 0o600)); err != nil {
			return nil, nil, err
		}
		store, err := peertls.Load(at("crt"), at("key"), at("ca"), peertls.Options{Name: name, Clock: clock.System(), Logger: zap.NewNop()})
		if err != nil {
			return nil, nil, err
		}
		creds[name] = store
	}
	return peers, creds, nil
}
