package engine

import (
	"context"
	"slices"
	"strings"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Waive takes a voter's word out of the lowest level until that node reports
// again. Its limits stay. The node is an id, or a name that one voter has.
func (e *Engine) Waive(ctx context.Context, by remedy.Actor, node, reason string) error {
	if err := e.mayLift(by); err != nil {
		return err
	}
	id, err := e.voter(node)
	if err != nil {
		return err
	}
	if id == e.Node {
		return refusal(ledger.RefusedBad, "%s is up, and its next report would end the waiver: edit its file and reload", id)
	}
	_, err = e.ask(ctx, by, &ledger.NodeWaive{Node: id, Reason: reason})
	return err
}

// Unwaive ends a waiver: the voter's word counts again. Anybody may who may
// freeze, for it allows nothing more.
func (e *Engine) Unwaive(ctx context.Context, by remedy.Actor, node string) error {
	id, err := e.voter(node)
	if err != nil {
		return err
	}
	_, err = e.ask(ctx, by, &ledger.NodeUnwaive{Node: id})
	return err
}

// voter finds the voter that a word means: its id, or the name in front of what
// was minted, if one voter has it.
func (e *Engine) voter(word string) (remedy.NodeID, error) {
	var found []remedy.NodeID
	voters := e.Ledger.Status().Voters
	for _, v := range voters {
		if string(v) == word {
			return v, nil
		}
		if i := strings.LastIndexByte(string(v), '-'); i > 0 && string(v[:i]) == word {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", refusal(RefusedNotFound, "%q is not a voter: name one of %s", word, remedy.Listed(voters))
	}
	slices.Sort(found)
	return "", refusal(RefusedAmbiguous, "%q is the name of several voters: say which of %s", word, remedy.Listed(found))
}

// Diverged pages people because the nodes' states differ, and freezes when
// nobody knows who is right: then nothing may act on any of them.
func (e *Engine) Diverged(ctx context.Context, detail string, freeze bool) error {
	bodies := []ledger.Body{&ledger.NoticeAdd{Kind: ledger.NoticeStop, Page: true, Detail: detail}}
	if freeze {
		bodies = append(bodies, &ledger.FreezeSet{Reason: detail})
	}
	if err := e.commit(ctx, remedy.Warden(), bodies...); err != nil {
		return err
	}
	if freeze {
		if err := e.trip(ctx, ledger.GuaranteeState, detail); err != nil {
			return err
		}
	}
	e.Kick()
	return nil
}
