package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"warden/internal/command"
)

// CheckFiles checks what Parse can't see: that the secrets can be read and
// nobody else can read them, that inventory files are there, that the freeze
// file can be looked for, that sockets exist. Run it as the user that warden
// runs as; env is usually os.LookupEnv. What
// single nodes need is looked for on the node of that name only; none is named
// where no node runs. A secret that can't be read is an
// error; what may still appear before it is needed is a warning.
func CheckFiles(c *Config, node string, env Env) Report {
	d := &decoder{file: c.file, index: c.index, faulty: map[string]bool{}}
	if d.index == nil { // made by hand, not by Parse
		d.index = newIndex(nil)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		s, at := c.sourceOn(name, node)
		d.secrets(at, env, s.TokenFile, s.PasswordFile)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		inv, at := c.Pools[name].Inventory, []string{"pools", string(name), "inventory"}
		if inv.Type == TypeFile {
			d.readable(join(at, "path"), inv.Path)
		}
		d.programs(map[string][]string{"command": inv.Command}, at)
		d.socket(join(at, "address"), inv.Address)
		d.sockets(join(at, "addresses"), inv.Addresses)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Actions)) {
		a, at := c.Actions[name], []string{"actions", string(name)}
		d.programs(map[string][]string{"run": a.Run, "undo": a.Undo, "plan": a.Plan, "observe": a.Observe, "observe_all": a.ObserveAll}, at)
		d.programs(map[string][]string{"command": a.Verify.Command}, join(at, "verify"))
		d.socket(join(at, "address"), a.Address)
		d.sockets(join(at, "addresses"), a.Addresses)
		for _, pool := range slices.Sorted(maps.Keys(a.PoolAddresses)) {
			d.sockets(join(at, "pool_addresses", string(pool)), a.PoolAddresses[pool])
		}
	}
	d.freezeFile(c.Guardrails.FreezeFile)
	d.clusterFiles(c.Cluster, env)
	d.heartbeatFile(c, env)
	d.outletFiles(c, env)
	d.pagerDutyFiles(c, env)
	d.slackFiles(c, env)
	d.problems.Sort()
	return d.problems
}

// secrets looks whether a table's secrets can be read.
func (d *decoder) secrets(at []string, env Env, token, password SecretRef) {
	for key, ref := range map[string]SecretRef{"token_file": token, "password_file": password} {
		if _, err := readSecret(ref, env, join(at, key)...); err != nil {
			d.badValue(join(at, key), "%v", err)
		}
	}
}

func (d *decoder) warning(path []string, format string, args ...any) {
	d.problem(SeverityWarning, d.index.value(path), path, format, args...)
}

// programs looks at the programs of commands, by key. One that is not there may
// still come; one that others may change must not be run.
func (d *decoder) programs(argvs map[string][]string, at []string) {
	for _, key := range slices.Sorted(maps.Keys(argvs)) {
		if len(argvs[key]) == 0 {
			continue
		}
		p := join(at, key, element(0))
		if err := command.CheckExecutable(argvs[key][0]); errors.Is(err, fs.ErrNotExist) {
			d.warning(p, "%s: %v", key, err)
		} else if err != nil {
			d.badValue(p, "%s: %v", key, err)
		}
	}
}

// readable warns about a file that can't be opened now.
func (d *decoder) readable(path []string, file string) {
	f, err := os.Open(file)
	if err != nil {
		d.warning(path, "%s: %s: %v: the pool is blocked until it can be read", last(path), file, reason(err))
		return
	}
	_ = f.Close() // nothing was written
}

// freezeFile checks that looking for the file gives a clear answer: anything
// but "no such file" counts as frozen.
func (d *decoder) freezeFile(file string) {
	if file == "" {
		return
	}
	path := []string{"guardrails", "freeze_file"}
	switch _, err := os.Lstat(file); {
	case err == nil:
		d.warning(path, "freeze_file: %s exists: warden is frozen while it does", file)
	case !errors.Is(err, fs.ErrNotExist):
		d.badValue(path, "freeze_file: %s: %v: warden counts that as frozen; let its user look into %s", file, reason(err), filepath.Dir(file))
	default:
		if _, err := os.Stat(filepath.Dir(file)); err != nil {
			d.warning(path, "freeze_file: the directory %s does not exist, so nobody can create the file in a hurry: create it", filepath.Dir(file))
		}
	}
}

func (d *decoder) sockets(p []string, addresses []string) {
	for i, address := range addresses {
		d.socket(join(p, element(i)), address)
	}
}

// socket looks whether HAProxy's socket is there.
func (d *decoder) socket(p []string, address string) {
	file := socketPath(address)
	if file == "" {
		return
	}
	if info, err := os.Stat(file); err != nil {
		d.warning(p, "address: %s: %v: is HAProxy running, with `stats socket %s level admin`?", file, reason(err), file)
	} else if info.Mode()&fs.ModeSocket == 0 {
		d.badValue(p, "address: %s is not a socket", file)
	}
}

// clusterFiles looks whether the files of [cluster] are there. What is in them
// is for `warden agent` to say, which knows its own name.
func (d *decoder) clusterFiles(c Cluster, env Env) {
	for key, file := range map[string]string{"tls_cert_file": c.TLSCertFile, "tls_ca_file": c.TLSCAFile} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			d.badValue(join(nil, "cluster", key), "%s: %s: %v: `warden operator tls` makes it", key, file, reason(err))
		}
	}
	file, err := c.TLSKeyFile.Path(env)
	if err == nil && file != "" {
		_, err = ReadPrivateFile(file)
	}
	if err != nil {
		d.badValue(join(nil, "cluster", "tls_key_file"), "tls_key_file: %v", err)
	}
}

// slackFiles checks that the secrets of [chat.slack] can be read, and are what
// they should be.
func (d *decoder) slackFiles(c *Config, env Env) {
	s := c.Chat.Slack
	if !s.Enabled {
		return
	}
	for _, one := range []struct {
		key, prefix string
		ref         SecretRef
	}{{"bot_token_file", "xoxb-", s.BotTokenFile}, {"app_token_file", "xapp-", s.AppTokenFile}, {"signing_secret_file", "", s.SigningSecretFile}} {
		at := []string{"chat", "slack", one.key}
		secret, err := readSecret(one.ref, env, at...)
		switch {
		case err != nil:
			d.badValue(at, "%v", err)
		case secret.IsSet() && !strings.HasPrefix(secret.Reveal(), one.prefix):
			d.badValue(at, "%s refers to something that doesn't begin with %s: it is another token; see `warden chat manifest`", one.key, one.prefix)
		}
	}
}
