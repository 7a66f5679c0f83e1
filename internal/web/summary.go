package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/remedy"
)

// SchemaSummary is the schema of Summary.
const SchemaSummary = "warden.summary/v1"

// Summary is what the morning summary would say now. It answers GET
// /api/v1/summary. Instants are UTC; what is worded is in the summary's zone.
type Summary struct {
	Schema   string       `json:"schema"`
	ServedAt time.Time    `json:"served_at"`
	Summary  chat.Morning `json:"summary"`
	// Due is when the next one is told; zero where none is.
	Due time.Time `json:"due,omitzero" doc:"when the next one is told; not there where the config wants none"`
}

// SummarySendRequest has an extra summary told.
type SummarySendRequest struct {
	Since string `json:"since,omitempty" example:"24h" doc:"how far back it reaches; to where the last one ended without it"`
}

// SummarySent answers it.
type SummarySent struct {
	Schema string `json:"schema"`
	// Surfaces are where it is told; it may take a while.
	Surfaces []string `json:"surfaces" doc:"where it is told"`
}

// SchemaSummarySent is the schema of SummarySent.
const SchemaSummarySent = "warden.summary_sent/v1"

// SummaryDesk is the engine as far as people ask for a morning summary. Its
// errors are those of CaseDesk.
type SummaryDesk interface {
	PreviewSummary(since time.Time) (*chat.Morning, error)
	SendSummary(ctx context.Context, by remedy.Actor, since time.Time) error
}

type summaryInput struct {
	Since string `query:"since" example:"24h" doc:"how far back it reaches; to where the last one ended without it"`
}

// summaryRoutes registers the morning summary.
func (s *surface) summaryRoutes(api huma.API) {
	route(api, http.MethodGet, "/summary", "preview-summary", "What the morning summary would say now", func(_ context.Context, in *summaryInput) (*Summary, error) {
		since, err := s.ago(in.Since)
		if err != nil {
			return nil, err
		}
		m, err := s.Engine.PreviewSummary(since)
		if err != nil {
			return nil, refused(err)
		}
		out := &Summary{Schema: SchemaSummary, ServedAt: s.now(), Summary: *m}
		if d := s.Engine.Config().Daily; d != nil {
			out.Due = d.Schedule.Next(out.ServedAt, d.Zone).UTC()
		}
		return out, nil
	})
	route(api, http.MethodPost, "/summary/send", "send-summary", "Have an extra summary told, which counts for no day", func(ctx context.Context, in *bodyInput[SummarySendRequest]) (*SummarySent, error) {
		since, err := s.ago(in.Body.Since)
		if err != nil {
			return nil, err
		}
		err = s.write(ctx, "send summary", func(ctx context.Context, by remedy.Actor) error { return s.Engine.SendSummary(ctx, by, since) })
		if err != nil {
			return nil, err
		}
		out := &SummarySent{Schema: SchemaSummarySent, Surfaces: []string{}}
		all, _ := s.Ledger.Surfaces()
		for _, name := range all {
			out.Surfaces = append(out.Surfaces, string(name))
		}
		return out, nil
	})
}

// ago is the instant that lies so long back; zero where nobody said.
func (s *surface) ago(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	d, err := config.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, problem(http.StatusUnprocessableEntity, CodeInvalid, "since: use a time such as 24h or 3d")
	}
	return s.now().Add(-d.Std()), nil
}

// PreviewSummary asks what the morning summary would say now.
func (c *Client) PreviewSummary(ctx context.Context, since string) (*Summary, error) {
	q := url.Values{}
	if since != "" {
		q.Set("since", since)
	}
	return call[Summary](ctx, c, http.MethodGet, "/api/v1/summary", q, nil)
}

// SendSummary has an extra summary told.
func (c *Client) SendSummary(ctx context.Context, q SummarySendRequest) (*SummarySent, error) {
	return post[SummarySent](ctx, c, "/api/v1/summary/send", q)
}
