//go:build integration && !failpoints

package main_test

// buildTags are those of the binary under test: the one that is shipped.
const buildTags = ""
