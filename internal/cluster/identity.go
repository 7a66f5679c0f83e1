package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"warden/internal/remedy"
)

const (
	identityFile    = "node.json"
	identityVersion = 1
)

var (
	nodeNamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	mintedPattern   = regexp.MustCompile(`^[0-9a-f]{8}$`)
)

// identity is who this node is, as node.json keeps it. Name and ID are minted at
// the first start and never change; the rest says how far this node has come
// towards having a log, and is changed through a record.
type identity struct {
	Version int           `json:"version"`
	Name    string        `json:"name"`
	ID      remedy.NodeID `json:"id"`
	// Founded says that the raft log exists. A founded node whose log is empty
	// has lost it, and must not start afresh as if it had never been.
	Founded bool `json:"founded"`
	// ClusterID is the cluster's, once this node founds it or is called by a
	// member of it; empty in files from before it was kept here.
	ClusterID string `json:"cluster_id,omitempty"`
	// Joining says that ClusterID is of a cluster that adds this node, and not
	// of one that it founds. It ends when there is a log.
	Joining bool `json:"joining,omitempty"`
	// Invited are the empty nodes that this node saw when it began to found.
	Invited []remedy.NodeID `json:"invited,omitempty"`
}

func (id identity) same(as identity) bool {
	return id.Founded == as.Founded && id.ClusterID == as.ClusterID && id.Joining == as.Joining && slices.Equal(id.Invited, as.Invited)
}

// loadIdentity reads dir/node.json, or mints and writes one when neither it
// nor any raft data is there.
func loadIdentity(dir, name string) (identity, error) {
	path := filepath.Join(dir, identityFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return mintIdentity(dir, name)
	}
	if err != nil {
		return identity{}, fmt.Errorf("read this node's identity: %w: make %s readable for the user warden runs as", err, path)
	}
	var id identity
	if err := json.Unmarshal(b, &id); err != nil {
		return identity{}, fmt.Errorf("%s is damaged: %w: restore it from a backup of the data directory; do not delete it, the raft log is bound to the id in it", path, err)
	}
	if id.Version > identityVersion {
		return identity{}, fmt.Errorf("%s has version %d and this warden knows up to %d: install the warden that wrote it, or a newer one", path, id.Version, identityVersion)
	}
	if id.Version < 1 || id.ID != nodeID(id.Name, suffix(id)) || !mintedPattern.MatchString(suffix(id)) {
		return identity{}, fmt.Errorf("%s is damaged: id %q does not belong to node name %q: restore it from a backup of the data directory; do not delete it, the raft log is bound to the id in it", path, id.ID, id.Name)
	}
	if id.Name != name {
		return identity{}, fmt.Errorf("data directory %s belongs to node %q and this node is named %q: start it with that name, or give this node a data directory of its own", dir, id.Name, name)
	}
	return id, nil
}

func mintIdentity(dir, name string) (identity, error) {
	raftDir := filepath.Join(dir, raftFolder)
	if _, err := os.Lstat(raftDir); err == nil {
		return identity{}, fmt.Errorf("%s is missing but %s exists: restore %s from a backup of the data directory, or move %s away to start as a new node with an empty ledger",
			filepath.Join(dir, identityFile), raftDir, identityFile, raftDir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return identity{}, fmt.Errorf("look for raft data: %w: make %s readable for the user warden runs as", err, dir)
	}
	var minted [4]byte
	if _, err := rand.Read(minted[:]); err != nil {
		return identity{}, fmt.Errorf("mint a node id: %w: check the system's random source", err)
	}
	id := identity{Version: identityVersion, Name: name, ID: nodeID(name, hex.EncodeToString(minted[:]))}
	return id, id.save(dir)
}

// save writes node.json so that a crash leaves the old one or the new one.
func (id identity) save(dir string) error {
	b, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("encode this node's identity: %w", err)
	}
	if err := replaceFile(dir, identityFile, append(b, '\n')); err != nil {
		return fmt.Errorf("write this node's identity: %w: make %s writable for the user warden runs as, with space left", err, dir)
	}
	return nil
}

func nodeID(name, minted string) remedy.NodeID { return remedy.NodeID(name + "-" + minted) }

// suffix is what follows the name in the id, if that is long enough to exist.
func suffix(id identity) string {
	return string(id.ID[min(len(id.Name)+1, len(id.ID)):])
}

// replaceFile puts content at dir/name atomically and durably: a temporary
// file, fsync, rename, fsync of the directory.
func replaceFile(dir, name string, content []byte) error {
	tmp := filepath.Join(dir, name+".tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
