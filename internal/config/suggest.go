package config

import (
	"slices"
	"strconv"
	"strings"
)

// Nearest returns the candidate that a person who wrote got most likely meant,
// or "" when none is near: at most a third of the letters differ, two of
// swapped neighbours counting as one. Equally near candidates go by name.
func Nearest(got string, candidates []string) string {
	best, bestDistance := "", max(1, len(got)/3)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(strings.ToLower(got), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// didYouMean is the end of a message that names the nearest candidate, or "".
func didYouMean(got string, candidates []string) string {
	if n := Nearest(got, candidates); n != "" {
		return "; did you mean " + strconv.Quote(n) + "?"
	}
	return ""
}

// maxWord bounds the work of distance: no key or name is longer.
const maxWord = 64

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	a, b = a[:min(len(a), maxWord)], b[:min(len(b), maxWord)]
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := above[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(row[j-1]+1, above[j]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
