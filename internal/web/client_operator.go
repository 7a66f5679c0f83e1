package web

import (
	"context"
	"net/http"
	"net/url"

	"warden/internal/remedy"
)

// RaftPeers lists the members of the cluster, as the node that answers sees them.
func (c *Client) RaftPeers(ctx context.Context) (*RaftPeers, error) {
	return get[RaftPeers](ctx, c, "/api/v1/operator/raft/peers", nil)
}

// Autopilot says how well the cluster would stand a loss.
func (c *Client) Autopilot(ctx context.Context) (*Autopilot, error) {
	return get[Autopilot](ctx, c, "/api/v1/operator/autopilot/state", nil)
}

// JoinPeer makes a configured node a voter, and returns once it is one.
func (c *Client) JoinPeer(ctx context.Context, name string) (*RaftChange, error) {
	return post[RaftChange](ctx, c, "/api/v1/operator/raft/peers", JoinRequest{Name: name})
}

// RemovePeer takes a member out for good.
func (c *Client) RemovePeer(ctx context.Context, id remedy.NodeID) (*RaftChange, error) {
	return call[RaftChange](ctx, c, http.MethodDelete, "/api/v1/operator/raft/peers/"+url.PathEscape(string(id)), nil, nil)
}

// TransferLeader has the leader's process end in order, so that to leads, or
// whoever is most up to date for "".
func (c *Client) TransferLeader(ctx context.Context, to string) (*RaftChange, error) {
	return post[RaftChange](ctx, c, "/api/v1/operator/raft/transfer-leader", TransferRequest{To: to})
}

// SaveSnapshot fetches the whole ledger: the leader's, or with stale that of the
// node that is asked.
func (c *Client) SaveSnapshot(ctx context.Context, stale bool) ([]byte, error) {
	v := url.Values{}
	mark(v, "stale", stale)
	return c.send(ctx, http.MethodGet, "/api/v1"+snapshotPath, v, nil)
}

// RestoreSnapshot replaces the whole ledger by a saved one; cluster names the one
// that it is of, if that is another than the one that is asked.
func (c *Client) RestoreSnapshot(ctx context.Context, saved []byte, cluster string) (*RestoreReport, error) {
	v := url.Values{}
	set(v, "cluster", cluster)
	return call[RestoreReport](ctx, c, http.MethodPost, "/api/v1"+snapshotPath, v, rawBody(saved))
}
