//go:build integration && failpoints

package main_test

// buildTags are those of the binary under test: one that can be told to die.
const buildTags = "failpoints"
