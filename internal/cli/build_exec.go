package cli

import (
	"maps"
	"slices"

	"warden/actions/exec"
	"warden/internal/config"
	"warden/internal/inventory"
	"warden/internal/remedy"
)

// execAction makes an action of commands.
func (b builder) execAction(c *config.Config, name remedy.ActionName) (*exec.Action, error) {
	a := c.Actions[name]
	return exec.New(exec.Options{
		Name: name, Plan: a.Plan, Run: a.Run, Undo: a.Undo, Observe: a.Observe, ObserveAll: a.ObserveAll, Verify: a.Verify.Command,
		Env: a.Env, Lookup: b.env, HostPattern: a.HostPattern, Timeout: a.Timeout.Std(), ReadTimeout: a.ReadTimeout.Std(),
		TakesOut: a.TakesOut, Idempotent: a.Idempotent, Heals: a.Heals, Secrets: b.secrets(c), Clock: b.clock,
	})
}

// execInventory makes a pool's inventory of a command.
func (b builder) execInventory(c *config.Config, pool remedy.PoolName) (inventory.Inventory, error) {
	i := c.Pools[pool].Inventory
	return inventory.NewExec(inventory.ExecOptions{
		Argv: i.Command, Pool: string(pool), HostRegex: i.HostRegex.Regexp(), Env: i.Env, Lookup: b.env,
		MaxBytes: i.MaxBytes, MaxHosts: i.MaxHosts, Secrets: b.secrets(c), Clock: b.clock,
	})
}

// secrets lists the config's secrets, so that no command's output shows one.
// They are read anew each time, for files are rotated; one that can't be read
// is unknown to warden as well.
func (b builder) secrets(c *config.Config) func() []string {
	return func() []string {
		var out []string
		for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
			if got, err := c.Credentials(name, b.node, b.env); err == nil {
				out = append(out, got.Token.Reveal(), got.Password.Reveal())
			}
		}
		return slices.DeleteFunc(out, func(s string) bool { return s == "" })
	}
}
