// Package source asks the places where series live. A source fetches and
// decodes; it never judges. Every answer is capped in size and number of
// series and bounded in time, and no error it returns holds a credential.
package source

import (
	"context"

	"warden/internal/remedy"
)

// Source answers queries. Implementations are safe for concurrent use.
type Source interface {
	// Fetch answers one query. It returns within the source's timeout or when
	// ctx ends. A failure is reported in Result.Failed, in words that say what
	// to do; Fetch itself has no other way to fail, so that a caller cannot
	// forget to look.
	Fetch(ctx context.Context, q remedy.Query) remedy.Result
}
