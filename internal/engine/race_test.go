//go:build race

package engine

// raceEnabled says that the race detector is on: long stories are cut short.
const raceEnabled = true
