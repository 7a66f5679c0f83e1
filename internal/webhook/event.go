package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Schema names the form of an event. Fields may be added to it; one that goes or
// means something else makes a new one.
const Schema = "warden.event/v1"

// Event is one body: what happened, and how the case is now. It holds nothing
// that a command printed, and no reason or note that anybody wrote but the
// headline that chat shows too.
type Event struct {
	Schema string `json:"schema"`
	// ID is the same whenever the event is sent again, by whichever node. Of one
	// cluster, a larger Seq is newer: drop what is older than what you have.
	ID  string `json:"id"`
	Seq uint64 `json:"seq"`
	// Kind is what happened, At when.
	Kind    ledger.NoticeKind `json:"kind"`
	At      time.Time         `json:"at"`
	Cluster Cluster           `json:"cluster"`
	Pool    remedy.PoolName   `json:"pool,omitempty"`
	// Headline is it in words, one line of at most 90 characters.
	Headline string `json:"headline"`
	// Page says that a person is needed now.
	Page bool `json:"page"`
	// Skipped is how many older events of the case this one stands for, since the
	// receiver couldn't be reached or they came at once.
	Skipped int `json:"skipped"`
	// Repeat says that it may have been sent before, though its ID tells too.
	Repeat bool `json:"repeat,omitempty"`
	// Case is the case as it is now, which may be further than Kind says; absent for
	// what is about none, or about one whose record is gone.
	Case *Case `json:"case,omitempty"`
}

// Cluster says which warden it is: by the name in its config, and by the id that
// was minted when it was founded.
type Cluster struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// Case is what an event says of a case.
type Case struct {
	ID       string              `json:"id"`
	Pool     remedy.PoolName     `json:"pool"`
	Host     remedy.HostName     `json:"host"`
	Action   remedy.ActionName   `json:"action"`
	Detector remedy.DetectorName `json:"detector,omitempty"`
	Stage    remedy.Stage        `json:"stage"`
	Outcome  remedy.Outcome      `json:"outcome,omitempty"`
	// Level is the level in force for the action in the pool.
	Level string `json:"level"`
	// Out says that the host is out of service because of the case.
	Out bool `json:"out"`
	// By is who had it done: a person's name, "warden", or empty where nothing was.
	By        string    `json:"by,omitempty"`
	OpenedAt  time.Time `json:"opened_at"`
	ChangedAt time.Time `json:"changed_at"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`
}

// newEvent words a notice; skipped is how many it stands for.
func newEvent(m chat.Message, cluster Cluster, skipped int) Event {
	e := Event{
		Schema: Schema, ID: eventID(named(cluster.ID), m.Notice.Seq), Seq: m.Notice.Seq, Kind: m.Notice.Kind, At: m.Notice.At.UTC(), Cluster: Cluster{Name: named(cluster.Name), ID: named(cluster.ID)}, Pool: named(m.Notice.Pool),
		Headline: chat.Render(bare(m), chat.RenderOptions{Plain: true}).Headline, Page: m.Notice.Page, Skipped: skipped, Repeat: m.Again,
	}
	if c := m.Case; c != nil {
		e.Pool = named(c.Pool)
		e.Case = &Case{
			ID: c.ID.String(), Pool: named(c.Pool), Host: named(c.Host), Action: named(c.Action), Detector: named(c.Detector), Stage: c.Stage, Outcome: c.Outcome, Level: m.Level.String(),
			Out: out(c), By: named(by(c)), OpenedAt: c.OpenedAt.UTC(), ChangedAt: c.ChangedAt.UTC(), ClosedAt: c.ClosedAt.UTC(),
		}
	}
	return e
}

// maxName is how many characters of a name are told. No real one has as many.
const maxName = 253

// named is a name on one line, of at most maxName characters: one that is more
// must not keep the event, and all that follow it, from going out.
func named[S ~string](s S) S { return S(chat.Fit(chat.Clean(string(s)), maxName)) }

// eventID is the id of a cluster's event.
func eventID(cluster string, seq uint64) string { return cluster + "." + strconv.FormatUint(seq, 10) }

// out reports whether the host is out of service because of the case.
func out(c *ledger.Case) bool {
	a := c.Acted()
	return c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying && a != nil && a.TakesOut
}

// by is who had the newest execution done; a person who approved it comes first.
func by(c *ledger.Case) string {
	x := c.Execution()
	switch {
	case x == nil:
		return ""
	case !x.By.Person && c.Manual != nil:
		return c.Manual.By.Name
	case !x.By.Person && c.Answer != nil && c.Answer.Approve:
		return c.Answer.By.Name
	}
	return x.By.Name
}

// maxBody bounds a body. All that is in one has a bound of its own, far below.
const maxBody = 16 << 10

func (e Event) body() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil || len(b) > maxBody {
		return nil, fmt.Errorf("event %s can't be written in %d bytes (%w): this is a bug in warden, report it", e.ID, maxBody, err)
	}
	return b, nil
}

// The headers of an event.
const (
	// HeaderSignature holds "t=UNIX SECONDS,v1=HEX".
	HeaderSignature = "Warden-Signature"
	// HeaderEventID holds Event.ID.
	HeaderEventID = "Warden-Event-Id"
)

// Sign is the value of HeaderSignature: HMAC-SHA256, in hex, over the time in
// seconds, a dot and the body, with the key's bytes as they stand in its file.
func Sign(key string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
