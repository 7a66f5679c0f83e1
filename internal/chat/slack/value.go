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

// nonce tells a case's question, or announcement, from the one before.
func nonce(c *ledger.Case) string {
	at := c.OpenedAt
	switch {
	case c.Ask != nil:
		at = c.Ask.AskedAt
	case c.Veto != nil:
		at = c.Veto.AnnouncedAt
	}
	return strconv.FormatInt(at.UnixNano(), 36)
}

// asked reports whether a value is of what the case asks now. One whose case is
// decided is for the ledger to answer, which says how.
func (v Value) asked(c *ledger.Case) bool { return c == nil || v.Nonce == nonce(c) }

// shown is a moment as it may stand in metadata.
func shown(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
