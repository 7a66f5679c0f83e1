package slack

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Value is what a button says when it is tapped. It only ever is checked against
// the ledger: authority comes from who tapped it.
type Value struct {
	Cluster string
	Verb    chat.Verb
	Case    remedy.CaseID
	// Plan is the hash of the plan that was shown, and Nonce tells one question
	// from the next that has the same plan.
	Plan, Nonce string
}

// The ways in which a value can be wrong. Their texts are for who tapped.
var (
	ErrForged  = errors.New("this button is not one that I made with the bot token that I have: it is from before the token was changed, or somebody else's; nothing was done: use the newest message of the case, or the command line")
	ErrForeign = errors.New("this button belongs to another warden: nothing was done here")
)

const valueVersion = "v1"

// signer makes and checks values. Every node has the same, of the bot token and
// the cluster's id.
type signer struct {
	key     []byte
	cluster string
	// id tells one key from another, and nothing else of it.
	id string
}

func newSigner(botToken, cluster string) (signer, error) {
	key, err := hkdf.Key(sha256.New, []byte(botToken), []byte(cluster), "warden slack button "+valueVersion, 32)
	if err != nil {
		return signer{}, fmt.Errorf("derive the key of buttons: %w; this is a bug, please report it", err)
	}
	id, err := hkdf.Key(sha256.New, key, nil, "warden slack button key id", 4)
	if err != nil {
		return signer{}, fmt.Errorf("name the key of buttons: %w; this is a bug, please report it", err)
	}
	return signer{key: key, cluster: name(cluster), id: hex.EncodeToString(id)}, nil
}

// name is a cluster's id as it may stand in a value.
func name(cluster string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cluster))
}

func (s signer) mac(text string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// sign writes a value.
func (s signer) sign(v Value) string {
	text := strings.Join([]string{valueVersion, s.cluster, string(v.Verb), strconv.FormatUint(uint64(v.Case), 10), v.Plan, v.Nonce}, ".")
	return text + "." + s.mac(text)
}

// read checks a value in constant time.
func (s signer) read(text string) (Value, error) {
	if len(text) > maxValue {
		return Value{}, ErrForged
	}
	i := strings.LastIndexByte(text, '.')
	if i < 0 {
		return Value{}, ErrForged
	}
	parts := strings.Split(text[:i], ".")
	if len(parts) == 6 && parts[0] == valueVersion && parts[1] != s.cluster {
		return Value{}, ErrForeign
	}
	if len(parts) != 6 || parts[0] != valueVersion || !hmac.Equal([]byte(text[i+1:]), []byte(s.mac(text[:i]))) {
		return Value{}, ErrForged
	}
	id, err := strconv.ParseUint(parts[3], 10, 64)
	if err != nil {
		return Value{}, ErrForged
	}
	return Value{Cluster: parts[1], Verb: chat.Verb(parts[2]), Case: remedy.CaseID(id), Plan: parts[4], Nonce: parts[5]}, nil
}

// of signs the buttons of a case on a message that shows what others said against it up
// to seen.
func (s signer) of(c *ledger.Case, seen time.Time) func(chat.Verb) string {
	return func(v chat.Verb) string {
		x := Value{Verb: v, Case: c.ID, Plan: c.PlanHash, Nonce: nonce(c)}
		if v == chat.VerbApprove {
			x.Nonce = over(x.Nonce, c.Question(), seen)
		}
		return s.sign(x)
	}
}

// nonce tells a case's question, or announcement, from the one before.
func nonce(c *ledger.Case) string {
	at := c.OpenedAt
	switch {
	case c.Ask != nil:
		at = c.Ask.AskedAt
	case c.Veto != nil:
		at = c.Veto.AnnouncedAt
	}
	return nonceOf(at, c.Question())
}

// nonceOf is that of a question by when it was asked, and by its number; 0 for none.
func nonceOf(at time.Time, question uint64) string {
	n := strconv.FormatInt(at.UnixNano(), 36)
	if question > 0 {
		n += ":" + strconv.FormatUint(question, 36)
	}
	return n
}

// over is the nonce of a yes to a question that shows what others said against it up to
// seen, zero for nothing.
func over(nonce string, question uint64, seen time.Time) string {
	if question > 0 && !seen.IsZero() {
		nonce += ":" + strconv.FormatInt(seen.UnixNano(), 36)
	}
	return nonce
}

// asked reports whether a value is of what the case asks now. One whose case is
// decided is for the ledger to answer, which says how.
func (v Value) asked(c *ledger.Case) bool {
	if c == nil {
		return true
	}
	parts := strings.SplitN(v.Nonce, ":", 3)
	return strings.Join(parts[:min(len(parts), 2)], ":") == nonce(c)
}

// shows is the number of the question that a value is of, and up to when others' words
// against it were shown beside it: see ledger.CaseAnswer. Of what asks nothing it is 0.
func (v Value) shows() (question uint64, seen time.Time) {
	parts := strings.Split(v.Nonce, ":")
	if len(parts) > 1 {
		question, _ = strconv.ParseUint(parts[1], 36, 64) // it is signed, so it is one of nonceOf
	}
	if len(parts) > 2 {
		if at, err := strconv.ParseInt(parts[2], 36, 64); err == nil {
			seen = time.Unix(0, at).UTC()
		}
	}
	return question, seen
}

// shown is a moment as it may stand in metadata.
func shown(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
