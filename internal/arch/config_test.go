package arch_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"warden/internal/config"
)

// TestConfigKeys holds the example and the schema together: every key that
// warden reads stands in config.example.toml, and every key that stands there
// is read.
func TestConfigKeys(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("..", "..", "config.example.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range keyDifferences(config.Keys(), config.DocumentedKeys(example)) {
		t.Error(problem)
	}
}

// TestConfigKeysCanFail proves that a key missing on either side is seen.
func TestConfigKeysCanFail(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("..", "..", "config.example.toml"))
	if err != nil {
		t.Fatal(err)
	}
	documented := config.DocumentedKeys(example)
	if len(documented) == 0 {
		t.Fatal("no documented key was found in config.example.toml")
	}
	keys := config.Keys()
	if got := keyDifferences(keys[1:], documented); !slices.Contains(got, keys[0]+" stands in config.example.toml but is no key") {
		t.Errorf("a key that the schema lost was not reported: %q", got)
	}
	grown := append(slices.Clone(example), "\nno_such_key = 1\n"...)
	if got := config.DocumentedKeys(grown); len(got) != len(documented)+1 {
		t.Errorf("a key added to the example was not seen: %d keys before, %d after", len(documented), len(got))
	}
}

// keyDifferences says in words which keys are on one side only.
func keyDifferences(keys, documented []string) []string {
	var problems []string
	for _, k := range keys {
		if !slices.Contains(documented, k) {
			problems = append(problems, k+" is a key but doesn't stand in config.example.toml")
		}
	}
	for _, k := range documented {
		if !slices.Contains(keys, k) {
			problems = append(problems, k+" stands in config.example.toml but is no key")
		}
	}
	return problems
}
