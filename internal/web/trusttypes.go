package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/policy"
)

// The schemas of the answers about trust.
const (
	SchemaTrust    = "warden.trust/v1"
	SchemaLabelled = "warden.labelled/v1"
)

// Trust is what is known of how right warden has been. It answers
// GET /api/v1/trust, and every request that demotes or reviews. Durations
// inside of it are nanoseconds.
type Trust struct {
	Schema   string        `json:"schema"`
	ServedAt time.Time     `json:"served_at"`
	Node     remedy.NodeID `json:"node"`
	Rows     []TrustRow    `json:"rows" doc:"by action and pool"`
	// Moves are, in a preview, the levels in force that would be others once every
	// voter had the config and the gates were judged.
	Moves []engine.Move `json:"moves,omitempty" doc:"in a preview: levels in force that would be others"`
}

// TrustRow is one action in one pool.
type TrustRow struct {
	trust.Assessment
	// File is what the answering node's config says; absent where it doesn't have
	// the action in the pool.
	File remedy.Level `json:"file" doc:"what the answering node's config says"`
	// Restarts says, in a preview, that evidence starts again with the config: a
	// detector or the action is another one than what is in force.
	Restarts bool `json:"restarts,omitempty" doc:"in a preview: evidence starts again, for a detector or the action is another one"`
	// Wrong are the wrong cases since From, newest first, with all that was said
	// of each and what setting would have kept it away.
	Wrong []WrongCase `json:"wrong"`
	// LabelNext are the cases whose labels would help most, at most three.
	LabelNext []trust.Named `json:"label_next" doc:"cases that nobody labelled, at most three"`
	// Undo counts the undos of the action since From.
	Undo UndoCount `json:"undo"`
	// Worst is how far the action could go in a night if warden were wrong at
	// every look; null where the limits or the pool's size are not known.
	Worst *policy.Worst `json:"worst"`
}

// WrongCase is one mistake.
type WrongCase struct {
	trust.Named
	// Statements are all that was said, oldest first, corrections included.
	Statements []trust.Statement `json:"statements"`
	// Suggestions are settings that would have kept it away, the cheapest first;
	// Cause is the best of them in words, or that there is none.
	Suggestions []trust.Suggestion `json:"suggestions"`
	Cause       string             `json:"cause"`
}

// UndoCount counts undos.
type UndoCount struct {
	Tried  int `json:"tried"`
	Worked int `json:"worked"`
}

// Labelled is what a label did. It answers POST /api/v1/cases/{id}/label.
type Labelled struct {
	Schema   string        `json:"schema"`
	ServedAt time.Time     `json:"served_at"`
	Case     remedy.CaseID `json:"case"`
	// Detector and Digest say whose record the case is in; it counts only while
	// the detector is in force as it was.
	Detector remedy.DetectorName `json:"detector,omitempty"`
	Digest   string              `json:"digest,omitempty"`
	// Label is what all statements about the case come to now, Statements what was
	// said, oldest first, and Conflict that those that count differ.
	Label      trust.Label       `json:"label"`
	Conflict   bool              `json:"conflict"`
	Statements []trust.Statement `json:"statements"`
	// Uncounted says that so many say the same that this isn't counted as evidence: the
	// word keeps warden from acting all the same.
	Uncounted bool `json:"uncounted,omitempty" doc:"so many say the same that this is no evidence; the word keeps warden from acting all the same"`
	// Row is the evidence as it is with that; null for a case that is none.
	Row *TrustRow `json:"row"`
}

// TrustQuery narrows the evidence; zero fields match everything.
type TrustQuery struct {
	Action remedy.ActionName
	Pool   remedy.PoolName
	// Within is how far back numbers are counted, such as "90d"; empty for the
	// committed evidence window. Verdicts are always by that window.
	Within string
}

func (q TrustQuery) values() url.Values {
	v := url.Values{}
	set(v, "action", string(q.Action))
	set(v, "pool", string(q.Pool))
	set(v, "within", q.Within)
	return v
}

// LabelRequest says whether the detector was right about a case.
type LabelRequest struct {
	// Label is "right", "wrong" or "unclear"; empty takes back what the person
	// had said before.
	Label string `json:"label" enum:"right,wrong,unclear," doc:"empty takes back what the person had said"`
	Note  string `json:"note,omitempty" maxLength:"1000"`
	// Of names another person whose word against the host and action an approver lifts;
	// Label is empty then.
	Of string `json:"of,omitempty" maxLength:"200" doc:"another person, whose word an approver lifts"`
	// Seen is, with Of, when the newest of their words was said that the approver has read.
	Seen time.Time `json:"seen,omitzero" doc:"with of: the newest time of their words that were read: a word that came later refuses the lift"`
}

// DemoteRequest lowers an action in a pool at once, until a person reviews it.
type DemoteRequest struct {
	Action remedy.ActionName `json:"action" minLength:"1"`
	Pool   remedy.PoolName   `json:"pool" minLength:"1"`
	To     remedy.Level      `json:"to" enum:"metric-only,notify,confirm" doc:"the highest level that is left"`
	Reason string            `json:"reason" minLength:"1" maxLength:"1000"`
}

// ReviewRequest lifts a demotion, and has an enforced gate judged again.
type ReviewRequest struct {
	Action remedy.ActionName `json:"action" minLength:"1"`
	Pool   remedy.PoolName   `json:"pool" minLength:"1"`
	Reason string            `json:"reason" minLength:"1" maxLength:"1000"`
	// Seen is when the newest cause came that the person has read.
	Seen time.Time `json:"seen,omitzero" doc:"the newest time of the demotion's causes that were read: a cause that came later refuses the review; left out where there is no demotion"`
}

// TrustPreviewRequest asks what the evidence would come to with another config.
type TrustPreviewRequest struct {
	Rules trust.Rules   `json:"rules"`
	Rungs []PreviewRung `json:"rungs" maxItems:"10000"`
	// Report is what a node with that config tells of its levels and limits. With
	// it the levels in force are previewed as well: Trust.Moves.
	Report *ledger.NodeReport `json:"report,omitempty" doc:"levels and limits of that config: with them the answer has moves"`
}

// PreviewRung is one action in one pool as that config has it.
type PreviewRung struct {
	Action  remedy.ActionName `json:"action"`
	Pool    remedy.PoolName   `json:"pool"`
	Level   remedy.Level      `json:"level"`
	Target  string            `json:"target" doc:"the action's digest"`
	HasUndo bool              `json:"has_undo"`
	// Detectors propose the action in the pool.
	Detectors []PreviewDetector `json:"detectors"`
}

// PreviewDetector is one detector as that config has it.
type PreviewDetector struct {
	Name   remedy.DetectorName `json:"name"`
	Digest string              `json:"digest"`
}

// Trust returns what is known of how right warden has been.
func (c *Client) Trust(ctx context.Context, q TrustQuery) (*Trust, error) {
	return get[Trust](ctx, c, "/api/v1/trust", q.values())
}

// PreviewTrust returns what the evidence would come to with another config.
func (c *Client) PreviewTrust(ctx context.Context, q TrustPreviewRequest) (*Trust, error) {
	return post[Trust](ctx, c, "/api/v1/trust/preview", q)
}

// Label says whether the detector was right about a case.
func (c *Client) Label(ctx context.Context, id remedy.CaseID, q LabelRequest) (*Labelled, error) {
	return call[Labelled](ctx, c, http.MethodPost, casePath(id, "/label"), nil, q)
}

// Demote lowers an action in a pool at once, until a person reviews it.
func (c *Client) Demote(ctx context.Context, q DemoteRequest) (*Trust, error) {
	return post[Trust](ctx, c, "/api/v1/trust/demotions", q)
}

// Review lifts a demotion, and has an enforced gate judged again.
func (c *Client) Review(ctx context.Context, q ReviewRequest) (*Trust, error) {
	return post[Trust](ctx, c, "/api/v1/trust/reviews", q)
}
