package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/zap"
)

// ring is what a node with peers has and a lone one hasn't: the port, the
// connections, and what is known of the others.
type ring struct {
	roster *roster
	creds  Credentials
	conns  *connections
	door   *door
	trans  *transport
	client *peerClient
	server *peerServer
	view   view

	wg   sync.WaitGroup
	once sync.Once
}

// openRing listens. Nobody is let in before serve.
func openRing(ctx context.Context, o Options, tune tuning, rec *record, logs hclog.Logger, log *zap.Logger) (*ring, error) {
	if o.Credentials == nil {
		return nil, errors.New("peers need certificates: set tls_cert_file, tls_key_file and tls_ca_file in [cluster]; `warden operator tls` makes them")
	}
	ros, err := newRoster(o.Peers, o.NodeName)
	if err != nil {
		return nil, err
	}
	network := o.Network
	if network == nil {
		network = tcp{unanswered: tune.unanswered}
	}
	address := o.Listen
	if address == "" {
		address = ros.self.Address
	}
	l, err := network.Listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("listen for peers on %s: %w: is another warden running, and is the address this machine's? set [cluster] listen_address otherwise", address, err)
	}
	r := &ring{roster: ros, creds: o.Credentials, conns: newConnections()}
	id := rec.node
	raftQueue, httpQueue := newQueue(idAddr(id)), newQueue(l.Addr())
	d := &dialer{network: network, creds: o.Credentials, roster: ros, conns: r.conns, timeout: tune.dialTimeout}
	r.door = &door{
		Listener: l, creds: o.Credentials, roster: ros, record: rec, deadline: tune.handshake,
		refused: newRefusals(log), log: log, raft: raftQueue, http: httpQueue, conns: r.conns,
	}
	r.trans = newTransport(&stream{queue: raftQueue, dialer: d, record: rec}, rec.founded, tune.rpcTimeout, logs)
	r.client = newPeerClient(d)
	r.view.peers = map[string]sighting{}
	return r, nil
}

// serve lets peers in.
func (r *ring) serve(n *Node) {
	r.server = newPeerServer(n.id, &n.peerAPI, http.HandlerFunc(n.answerProbe), n.log)
	r.wg.Go(r.door.serve)
	r.wg.Go(func() { _ = r.server.http.Serve(r.door.http) }) // it ends with the queue
}

// closePeers ends what peers ask and what this node asks them, and takes no
// more; raft goes on.
func (r *ring) closePeers() {
	if r.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		r.server.stop(ctx)
	}
	r.client.inner.CloseIdleConnections()
}

// cut closes the port and all connections, so that raft doesn't wait for peers
// that don't answer.
func (r *ring) cut() {
	r.once.Do(func() {
		_ = r.door.Close() // it has listened; there is nothing more to lose
		_ = r.door.http.Close()
		r.conns.close()
		_ = r.trans.Close() // it has no error to give
	})
	r.wg.Wait()
	r.door.wg.Wait()
}

// Address is where this node listens for its peers; nil when it has none.
func (n *Node) Address() net.Addr {
	if n.ring == nil {
		return nil
	}
	return n.ring.door.Addr()
}
