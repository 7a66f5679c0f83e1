package slack

import (
	"slices"
	"strings"

	"warden/internal/chat"
	"warden/internal/ledger"
)

// A message whose blocks Slack refuses stands as text, with commands in the place of its
// buttons. While its case is open it gets its blocks later: they are tried again after a
// pause that grows.

// spelledKey is what the keys begin with of refusals that are of blocks alone.
const spelledKey = "blocks "

// spelledMark is what the hash in a receipt begins with where a message is spelled.
const spelledMark = "text-"

// spelledStamp is the stamp of a card that stands without its blocks.
func (r *round) spelledStamp(spelled chat.Card, c *ledger.Case) string {
	return stamp(spelled, c, spelledMark+digest(textOf(r.render(withoutAgain(spelled), nil, "", links{}))), r.x.signer.id)
}

// isSpelled reports whether a case's message stands without its blocks, by its receipt.
func isSpelled(p ledger.Post) bool {
	parts := strings.Split(p.Hash, ".")
	return len(parts) == 4 && strings.HasPrefix(parts[2], spelledMark)
}

// spells reports whether the blocks of a message that stands were refused, and are not
// to be tried yet.
func (r *round) spells(key string, to target) bool {
	return to.ts != "" && r.holds(spelledKey+key, to) != nil
}

// withoutBlocks is the message as it stands where its blocks are refused.
func (r rendered) withoutBlocks() rendered {
	return rendered{Text: textOf(r)}
}

func refusedBlocks(err error) bool {
	return slices.Contains([]string{"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}, slackCode(err))
}
