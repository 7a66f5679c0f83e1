package config

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// What corroborate may be.
const (
	// CorroborateMajority wants a majority of the configured voters.
	CorroborateMajority = "majority"
	// CorroborateOff asks no other node.
	CorroborateOff = "off"
)

// SourceOn is a source as a node asks it. The node is named as by --node.name.
func (c *Config) SourceOn(source remedy.SourceName, node string) Source {
	s, _ := c.sourceOn(source, node)
	return s
}

// sourceOn is SourceOn with the path of the table that has its secrets.
func (c *Config) sourceOn(source remedy.SourceName, node string) (Source, []string) {
	s, path := c.Sources[source], []string{"sources", string(source)}
	for _, name := range slices.Sorted(maps.Keys(s.PerNode)) {
		if !sameNode(name, node) {
			continue
		}
		n := s.PerNode[name]
		s.URL = n.URL
		if n.TokenFile.IsSet() || n.Username != "" || n.PasswordFile.IsSet() {
			s.TokenFile, s.Username, s.PasswordFile = n.TokenFile, n.Username, n.PasswordFile
			path = join(path, "per_node", name)
		}
		break
	}
	s.PerNode = nil
	return s, path
}

// sameNode reports whether a table's name is a node's: its whole name, or its
// first label, as a node is found among the peers.
func sameNode(table, node string) bool {
	if node == "" || net.ParseIP(node) != nil {
		return false
	}
	label, _, _ := strings.Cut(node, ".")
	return strings.EqualFold(table, node) || strings.EqualFold(table, label)
}

// perNode checks where single nodes ask a source.
func (v *validator) perNode(source remedy.SourceName, s Source, variables map[string]string) {
	peers := v.config.Cluster.PeerList()
	for _, name := range slices.Sorted(maps.Keys(s.PerNode)) {
		at, n := []string{"sources", string(source), "per_node", name}, s.PerNode[name]
		one := Source{URL: n.URL, TokenFile: n.TokenFile, Username: n.Username, PasswordFile: n.PasswordFile}
		v.sourceAuth(at, one, variables)
		if !n.TokenFile.IsSet() && n.Username == "" && !n.PasswordFile.IsSet() {
			one.TokenFile, one.PasswordFile = s.TokenFile, s.PasswordFile // what it sends
		}
		v.sourceURL(join(at, "url"), one)
		known := slices.ContainsFunc(peers, func(p Peer) bool { return sameNode(name, p.Name) })
		if len(peers) > 0 && !known {
			v.fail(at, "per_node.%s: no node of [cluster] peers is called that: use a peer's name, or its first label; a name with dots is written by its first label", name)
		}
	}
}

// sourceAuth checks how a source, or a node's way to it, authenticates.
func (v *validator) sourceAuth(at []string, s Source, variables map[string]string) {
	token, user, password := join(at, "token_file"), join(at, "username"), join(at, "password_file")
	if v.ok(token, user, password) {
		switch {
		case s.TokenFile.IsSet() && (s.Username != "" || s.PasswordFile.IsSet()):
			v.fail(token, "token_file excludes username and password_file: keep one way to authenticate")
		case s.Username != "" && !s.PasswordFile.IsSet():
			v.fail(user, "username needs a password_file: add it, or remove username")
		case s.Username == "" && s.PasswordFile.IsSet():
			v.fail(password, "password_file needs a username: add it, or remove password_file")
		}
	}
	for _, p := range [][]string{token, password} {
		if !v.given[pathKey(p)] {
			continue
		}
		variable := EnvName(p...)
		if other, ok := variables[variable]; ok {
			v.fail(p, "%s and %s are both overridden by $%s: rename one of the sources", dotted(p), other, variable)
		}
		variables[variable] = dotted(p)
	}
}

// sourceURL checks a base URL. Messages never repeat it, for it may hold a
// password.
func (v *validator) sourceURL(p []string, s Source) {
	if !v.ok(p) {
		return
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil:
		v.fail(p, "url is not a URL: write it as https://prometheus.example.net")
	case u.User != nil:
		v.fail(p, "url holds a user or password: use username and password_file, or token_file")
	case u.Scheme != "http" && u.Scheme != "https":
		v.fail(p, "url is neither HTTP nor HTTPS: write it with http:// or https://")
	case u.Hostname() == "":
		v.fail(p, "url has no host: write it as https://prometheus.example.net")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		v.fail(p, "url must end before the ? or #: put secrets into token_file or password_file")
	case u.Scheme == "http" && (s.TokenFile.IsSet() || s.PasswordFile.IsSet()) && !loopback(u.Hostname()):
		v.warn(p, "the secret of this source crosses the network in the clear: use https")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
