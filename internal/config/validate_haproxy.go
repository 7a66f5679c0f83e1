package config

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"

	"warden/internal/remedy"
)

// addresses checks that one key, and only one, says where HAProxy's runtime
// APIs are, unless each pool may say so for itself.
func (v *validator) addresses(at func(...string) []string, address string, several []string, elsewhere bool) {
	one, all := at("address"), at("addresses")
	switch hasOne, hasAll := v.given[pathKey(one)], v.given[pathKey(all)]; {
	case hasOne && hasAll:
		v.fail(all, "address and addresses exclude each other: keep one")
	case !hasOne && !hasAll && !elsewhere:
		v.fail(one, "address is required in %s: add address, or addresses where there are several load balancers", header(at()))
	case hasOne:
		v.address(one, address)
	case hasAll:
		v.listed(all, several)
	}
}

// listed checks a list of addresses. One that is there twice would be changed
// twice.
func (v *validator) listed(p []string, addresses []string) {
	seen := map[string]bool{}
	for i, address := range addresses {
		item := join(p, element(i))
		v.address(item, address)
		key := socketPath(address)
		if key == "" {
			key = address
		}
		if seen[key] {
			v.fail(item, "this address is listed twice: keep one of them")
		}
		seen[key] = true
	}
}

// poolAddresses checks [actions.NAME.pool_addresses], and that every pool of
// the action has an address from somewhere.
func (v *validator) poolAddresses(name remedy.ActionName, a Action) {
	at := func(keys ...string) []string { return append([]string{"actions", string(name)}, keys...) }
	for _, pool := range slices.Sorted(maps.Keys(a.PoolAddresses)) {
		p := at("pool_addresses", string(pool))
		v.reference(p, "pool", string(pool), namesOf(v.config.Pools))
		v.listed(p, a.PoolAddresses[pool])
	}
	if len(a.PoolAddresses) == 0 || !v.ok(at("address"), at("addresses"), at("pool_addresses")) {
		return
	}
	for _, pool := range slices.Sorted(maps.Keys(v.config.Pools)) {
		if len(v.config.Addresses(name, pool)) == 0 && slices.Contains(v.config.ActionsOf(pool), name) {
			v.fail(at("pool_addresses"), "pool %q has no address: add it to %s, or address to %s", pool, header(at("pool_addresses")), header(at()))
		}
	}
}

// address checks where the runtime API is. Messages don't repeat what isn't
// one, for it may hold a password.
func (v *validator) address(p []string, address string) {
	if !v.ok(p) || socketPath(address) != "" {
		return
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "" || !validPort(u.Port()) {
		v.fail(p, "address is neither a socket nor a TCP address: write unix:/run/haproxy/admin.sock, or tcp://127.0.0.1:9999")
		return
	}
	if !loopback(u.Hostname()) {
		v.warn(p, "HAProxy's runtime API has no password: whoever reaches %s can do all of it; use its unix socket", u.Host)
	}
}

// socketPath is the absolute path in "/path", "unix:/path" and "unix:///path",
// or "" for anything else.
func socketPath(address string) string {
	if path.IsAbs(address) {
		return address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "unix" || u.Host != "" || u.User != nil || !path.IsAbs(u.Path) {
		return ""
	}
	return u.Path
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
