package chat

import (
	"unicode/utf8"

	"warden/internal/ledger"
)

// mostBeside is how many characters of what people say against a question stand beside
// a yes to it in one line: two or three people's words, with names that people have.
const mostBeside = 180

// Beside is what people say against a question as it stands beside a yes to it where
// there is one line for it. It reports whether that is all of it: where it isn't, the
// words say so, none counts as seen, and a yes is no use there.
func Beside(s ledger.Standing) (_ ledger.Standing, whole bool) {
	s.Words = Bare(Clean(s.Words))
	if utf8.RuneCountInString(s.Words) <= mostBeside {
		return s, true
	}
	return ledger.Standing{Words: "people say that the detector is wrong about it"}, false
}
