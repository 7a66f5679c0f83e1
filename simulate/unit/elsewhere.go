package unit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"warden/internal/config"
	"warden/internal/remedy"
)

// Elsewhere says, in one line, that the file's tests are of another configuration: of the
// pools whose hosts it names for all of them, this one has none. Each test would say so
// otherwise, of each host. It is empty where the tests may be of this configuration.
func (f *File) Elsewhere(cfg *config.Config) string {
	known := slices.Sorted(maps.Keys(cfg.Pools))
	var missing []string
	for _, pool := range sortedKeys(f.Hosts) {
		if _, ok := cfg.Pools[remedy.PoolName(pool)]; ok {
			return ""
		}
		if config.Meant(string(pool), known) != "" {
			return "" // a slip of the keyboard, which each test tells with the others
		}
		missing = append(missing, string(pool))
	}
	if len(missing) == 0 {
		return ""
	}
	var has []string
	for _, pool := range known {
		has = append(has, string(pool))
	}
	return fmt.Sprintf("%s:%d: hosts: these tests are of pool %s, and %s has only %s: run them with the configuration that they are for, which `config` names",
		f.path, f.document.Line("hosts"), strings.Join(missing, ", "), f.Config, strings.Join(has, ", "))
}
