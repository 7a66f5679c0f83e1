package config

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"warden/internal/remedy"
)

// Outline is a configuration in force as it may be shown to anybody and
// compared with another: every key, who is trusted with what, and which
// detector is which. It holds no secret.
type Outline struct {
	// Hash is the config's: see Config.Hash.
	Hash      string            `json:"hash"`
	Levels    []OutlineLevel    `json:"levels"`
	Detectors []OutlineDetector `json:"detectors"`
	Settings  []Setting         `json:"settings"`
}

// OutlineLevel is one action's rung in one pool that it is meant for.
type OutlineLevel struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	Level  remedy.Level      `json:"level"`
}

// OutlineDetector is one detector. Evidence about one digest says nothing
// about another.
type OutlineDetector struct {
	Detector remedy.DetectorName `json:"detector"`
	Digest   string              `json:"digest,omitempty"`
	Proposes remedy.ActionName   `json:"proposes"`
	Pools    []remedy.PoolName   `json:"pools"`
}

// Outline describes the config. The digests are those of the detectors that
// were made of it; without one, a change of a detector is shown and nothing is
// said about its evidence.
func (c *Config) Outline(digests map[remedy.DetectorName]string) Outline {
	out := Outline{Hash: c.Hash(), Levels: []OutlineLevel{}, Detectors: []OutlineDetector{}, Settings: c.Settings()}
	for _, action := range slices.Sorted(maps.Keys(c.Actions)) {
		levels := c.Levels(action)
		for _, pool := range slices.Sorted(maps.Keys(levels)) {
			out.Levels = append(out.Levels, OutlineLevel{action, pool, levels[pool]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Detectors)) {
		d := c.Detectors[name]
		out.Detectors = append(out.Detectors, OutlineDetector{name, digests[name], d.Propose, d.Pools})
	}
	return out
}

// Levels are an action's levels in the pools it is meant for: those where a
// detector proposes it or a table of its own names them, and every pool when
// nothing does.
func (c *Config) Levels(action remedy.ActionName) map[remedy.PoolName]remedy.Level {
	a, out := c.Actions[action], map[remedy.PoolName]remedy.Level{}
	pools := slices.Sorted(maps.Keys(c.Pools))
	for _, pool := range pools {
		_, policy := a.PoolPolicy[pool]
		_, backend := a.PoolBackend[pool]
		_, addresses := a.PoolAddresses[pool]
		if policy || backend || addresses || slices.Contains(c.ActionsOf(pool), action) {
			out[pool] = c.Level(action, pool)
		}
	}
	if len(out) == 0 {
		for _, pool := range pools {
			out[pool] = c.Level(action, pool)
		}
	}
	return out
}

// mark fingerprints a value that is hidden, with four hex digits: enough to see
// that it changed, too little to try guesses against.
func mark(hidden string) string {
	sum := sha256.Sum256([]byte(hidden))
	return hex.EncodeToString(sum[:2])
}
