package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/remedy"
)

// SchemaExplanation is the schema of Explanation.
const SchemaExplanation = "warden.explanation/v1"

// Explanation is why something was done about a host at an instant, or why
// not. It answers GET /api/v1/explain.
type Explanation struct {
	Schema   string    `json:"schema"`
	ServedAt time.Time `json:"served_at"`
	engine.Explanation
}

type explainInput struct {
	Host   string    `query:"host" required:"true" minLength:"1"`
	Pool   string    `query:"pool" doc:"needed only when several pools have the host"`
	At     time.Time `query:"at" required:"true" doc:"the instant that is asked about"`
	Around string    `query:"around" default:"30m" doc:"how far before and after it history is judged, 6h at most"`
}

// explainRoutes registers what judges history again. It asks the sources, so it
// is for people who can be told apart: over the socket.
func (s *surface) explainRoutes(api huma.API) {
	route(api, http.MethodGet, "/explain", "explain", "Why something was done about a host at an instant, or why not", func(ctx context.Context, in *explainInput) (*Explanation, error) {
		if _, err := actor(ctx); err != nil {
			return nil, err
		}
		around, err := config.ParseDuration(in.Around)
		if err != nil {
			return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "around: "+err.Error())
		}
		t, err := s.Engine.Find(in.Host, remedy.PoolName(in.Pool))
		if err != nil {
			return nil, refused(err)
		}
		out, err := s.Engine.Explain(ctx, engine.ExplainQuery{Target: t, At: in.At, Around: around.Std()})
		if err != nil {
			return nil, refused(err)
		}
		return &Explanation{Schema: SchemaExplanation, ServedAt: s.now(), Explanation: *out}, nil
	})
}
