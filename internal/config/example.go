package config

import (
	_ "embed" // for the two texts
	"regexp"
	"slices"
)

// The example is config.example.toml at the top of the repository. Embedding
// can't reach up there, so example.toml is a copy, and a test holds the two
// equal (cp config.example.toml internal/config/example.toml).
var (
	//go:embed example.toml
	example string
	//go:embed minimal.toml
	minimal string
)

// Example is config.example.toml: every key this build reads, explained.
func Example() string { return example }

// Minimal is the smallest configuration that does something useful.
func Minimal() string { return minimal }

// uncommented is a configuration text with the keys that are not for everybody,
// and stand there as "#key = value".
func uncommented(text []byte) []byte {
	return regexp.MustCompile(`(?m)^#([a-z_]+ +=)`).ReplaceAll(text, []byte(" $1"))
}

// DocumentedKeys lists the keys that a configuration text sets, or shows as
// "#key = value", sorted and each once, in the form of Keys. A key that warden doesn't know is listed as it
// stands, so that comparing with Keys finds it.
func DocumentedKeys(text []byte) []string {
	ix := newIndex(uncommented(text))
	var keys []string
	for k, p := range ix.places {
		if p.explicit && p.key != p.value { // tables are at their header
			path := splitKey(k)
			if key := wildcarded(path); !isTableKey(key) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
