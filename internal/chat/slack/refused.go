package slack

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Why a click did nothing, where its value was warden's own.
var (
	errUnknown  = errors.New("who you are can't be looked up")
	errOutdated = errors.New("was asked again since, and nothing was done")
)

// request is what somebody wanted that was refused.
type request struct {
	// what is for the log.
	what string
	// by is who they are to warden; empty where that was not found out.
	by string
	// verb and id are of a value that is warden's own; word is the first of what was
	// said, where nothing was clicked.
	verb chat.Verb
	word string
	id   remedy.CaseID
}

// refuse tells who tapped why nothing was done, and has it audited that they did.
func (s *Slack) refuse(ctx context.Context, x session, where place, r request, err error) {
	s.refusal(where, r, err)
	_, notYours := errors.AsType[*NotYours](err)
	s.whisper(ctx, x, where, chat.NotDone(err.Error(), notYours))
}

// refuseWord tells who said something why nothing was done. That they did is
// audited where it asked for something: what only reads takes nobody's place.
func (s *Slack) refuseWord(ctx context.Context, x session, who asker, r request, audit bool, err error) {
	if audit {
		s.refusal(who.place, r, err)
	} else {
		s.Logger.Info("what was said in Slack can't be answered", zap.String("request", r.what), zap.String("by", r.by), zap.Error(err))
	}
	why := chat.NotDone(err.Error(), false)
	s.answer(ctx, x, who, true, why, []string{why}, nil)
}

// refusal has it in the log and in the audit that something was refused.
func (s *Slack) refusal(where place, r request, err error) {
	s.Logger.Warn("an answer in Slack was refused", zap.String("request", r.what), zap.String("by", cmp.Or(r.by, where.user)), zap.String("user", where.user), zap.Error(err))
	if s.Refused != nil {
		s.Refused(refused(where.user, r, err))
	}
}

// unasked is an error of Slack's, or of the settings, that left nobody to ask. Who
// asked is told all the same where Slack gave an address to answer at, which takes
// no token.
func (s *Slack) unasked(ctx context.Context, what string, where place, hook string, err error) {
	s.refusal(where, request{what: what}, &Lost{err})
	if hook == "" || !s.trusted(hook) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), whisperWithin)
	defer cancel()
	b := api.NewSectionBlock(text(api.MarkdownType, commands(chat.Unasked)), nil, nil)
	client := api.New("", api.OptionHTTPClient(newWire(s.Client, nil)))
	if _, _, err := client.PostMessageContext(ctx, where.channel, api.MsgOptionText(plain(chat.Unasked), false), api.MsgOptionBlocks(b), api.MsgOptionResponseURL(hook, api.ResponseTypeEphemeral)); err != nil {
		s.Logger.Warn("somebody can't be told that nothing was done", zap.String("user", where.user), zap.Error(err))
	}
}

// The bounds of what stands in the audit of a click that did nothing. They are the
// ledger's.
const (
	maxUser = 32
	maxWho  = 100
)

// refused is what the audit says of a click that did nothing: nothing in it is
// anybody's own text but a name, which is one line and short.
func refused(user string, r request, err error) ledger.ClicksRefused {
	out := ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: kindOf(err), Verb: string(r.verb), Word: r.word, Case: r.id}
	if len(user) <= maxUser && !strings.ContainsFunc(user, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		out.User = user
	}
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, r.by)
	out.Name = strings.ToValidUTF8(name[:min(len(name), maxWho)], "")
	return out
}

// kindOf is why something was refused, as the audit has it.
func kindOf(err error) ledger.ClickKind {
	_, notYours := errors.AsType[*NotYours](err)
	_, lost := errors.AsType[*Lost](err)
	_, outdated := errors.AsType[*Outdated](err)
	switch {
	case errors.Is(err, ErrForged):
		return ledger.ClickForged
	case errors.Is(err, ErrForeign):
		return ledger.ClickForeign
	case errors.Is(err, ErrNobody):
		return ledger.ClickNobody
	case errors.Is(err, errUnknown):
		return ledger.ClickUnsure
	case errors.Is(err, errOutdated), outdated:
		return ledger.ClickOutdated
	case notYours:
		return ledger.ClickNotYours
	case lost:
		return ledger.ClickLost
	}
	return ledger.ClickRefused
}
