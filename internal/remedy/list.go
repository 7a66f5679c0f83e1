package remedy

import (
	"cmp"
	"strings"
)

// Listed are names as a person lists them: "n1, n2, n3". "none" of none.
func Listed[T ~string](names []T) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}
