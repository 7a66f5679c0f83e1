package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// keyFile is the one *_file key that no environment variable stands in for.
const keyFile = "cluster.tls_key_file"

// maxPeers is the largest cluster: each voter more makes every commit slower.
const maxPeers = 7

// peerName is a node's name, the same as for --node.name.
var peerName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// Peer is one entry of [cluster] peers.
type Peer struct {
	// Name is the node's: what stands before "=", or the host. Its certificate
	// is made out to it.
	Name string
	// Address is HOST:PORT.
	Address string
}

// ParsePeer reads "HOST:PORT" and "NAME=HOST:PORT". Its errors say what to write.
func ParsePeer(s string) (Peer, error) {
	name, address, named := strings.Cut(s, "=")
	if !named {
		name, address = "", s
	}
	host, err := hostPort(address)
	switch {
	case err != nil:
		return Peer{}, err
	case host == "":
		return Peer{}, errors.New("has no host: write the name or the address by which the other nodes reach it")
	case !named:
		name = host
	}
	if !peerName.MatchString(name) {
		return Peer{}, fmt.Errorf("gives a node the name %s: write NAME=HOST:PORT, with up to 63 letters, digits, dots, dashes and underscores", quote(name))
	}
	return Peer{Name: name, Address: address}, nil
}

// hostPort takes an address apart; the host may be missing.
func hostPort(address string) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", errors.New("is no HOST:PORT: write for example warden-1.example.net:9724, or [2001:db8::1]:9724")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("has the port %s: use 1 to 65535; 9724 is usual", quote(port))
	}
	if host != "" && net.ParseIP(host) == nil && !validHost(host) {
		return "", fmt.Errorf("has the host %s, which is no name: use letters, digits, dots and -", quote(host))
	}
	return host, nil
}

// PeerList is [cluster] peers, read. It is empty for a node that is alone.
func (c *Cluster) PeerList() []Peer {
	var peers []Peer
	for _, s := range c.Peers {
		if p, err := ParsePeer(s); err == nil { // it has been checked
			peers = append(peers, p)
		}
	}
	return peers
}

// cluster checks [cluster].
func (v *validator) cluster(c Cluster) {
	if p := join(nil, "cluster", "name"); v.ok(p) && !validName(c.Name) {
		v.fail(p, "name = %s: use letters, digits, _ and -, %d at most", quote(c.Name), maxName)
	}
	v.peers(c)
	if p := join(nil, "cluster", "listen_address"); c.ListenAddress != "" {
		if _, err := hostPort(c.ListenAddress); err != nil {
			v.fail(p, "listen_address = %s %v", quote(c.ListenAddress), err)
		}
	}
	files := map[string]bool{"tls_cert_file": c.TLSCertFile != "", "tls_key_file": c.TLSKeyFile.IsSet(), "tls_ca_file": c.TLSCAFile != ""}
	for key, file := range map[string]string{"tls_cert_file": c.TLSCertFile, "tls_ca_file": c.TLSCAFile} {
		if file != "" && !strings.HasPrefix(file, "/") {
			v.fail(join(nil, "cluster", key), "%s = %s: write the file's path from / on", key, quote(file))
		}
	}
	for _, key := range []string{"tls_cert_file", "tls_key_file", "tls_ca_file"} {
		switch {
		case len(c.Peers) > 0 && !files[key]:
			v.fail(join(nil, "cluster"), "peers without %s: nodes speak to each other over mutual TLS only; set tls_cert_file, tls_key_file and tls_ca_file, `warden operator tls` makes the files", key)
		case len(c.Peers) == 0 && files[key]:
			v.warn(join(nil, "cluster", key), "%s has no effect without peers: add peers, or leave it out", key)
		}
	}
	if len(c.Peers) == 0 && c.ListenAddress != "" {
		v.warn(join(nil, "cluster", "listen_address"), "listen_address has no effect without peers: add peers, or leave it out")
	}
}

func (v *validator) peers(c Cluster) {
	at := join(nil, "cluster", "peers")
	names, addresses := map[string]int{}, map[string]int{}
	for i, s := range c.Peers {
		p := join(at, element(i))
		peer, err := ParsePeer(s)
		if err != nil {
			v.fail(p, "peers: %s %v", quote(s), err)
			continue
		}
		name := strings.ToLower(peer.Name)
		if _, twice := names[name]; twice {
			v.fail(p, "peers: %s is listed twice: give each node a name of its own, as NAME=HOST:PORT", quote(peer.Name))
		} else if _, twice := addresses[peer.Address]; twice {
			v.fail(p, "peers: the address %s is listed twice: give each node one of its own", quote(peer.Address))
		}
		names[name], addresses[peer.Address] = i, i
	}
	switch n := len(c.Peers); {
	case n == 0:
	case n > maxPeers:
		v.fail(at, "peers lists %d nodes: use 1, 3, 5 or 7; more make every commit slower and nothing safer", n)
	case n%2 == 0:
		v.fail(at, "peers lists %d nodes, and %d of them can be lost, as with %d: use 1, 3 or 5", n, (n-1)/2, n-1)
	}
}
