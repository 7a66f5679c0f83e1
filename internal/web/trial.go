package web

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/remedy"
)

// The schemas of the answers here.
const (
	SchemaTrial  = "warden.detector_test/v1"
	SchemaSeries = "warden.series/v1"
)

// Trial is one evaluation of a detector on fresh answers. It answers
// GET /api/v1/detectors/{name}/test.
type Trial struct {
	Schema   string    `json:"schema"`
	ServedAt time.Time `json:"served_at"`
	engine.Trial
}

type trialInput struct {
	Name string    `path:"name"`
	Pool string    `query:"pool" doc:"needed only when the detector judges several"`
	Host string    `query:"host" doc:"show the arithmetic for this host"`
	At   time.Time `query:"at" doc:"the instant to judge; now when absent"`
}

// RawSeries is one series as a source answered it.
type RawSeries struct {
	Labels map[string]string `json:"labels"`
	Points []RawPoint        `json:"points"`
}

// RawPoint is one value. JSON has no NaN and no infinities: Value is null for
// them, and Text says which.
type RawPoint struct {
	At    time.Time `json:"at"`
	Value *float64  `json:"value"`
	Text  string    `json:"text,omitempty" doc:"NaN, +Inf or -Inf"`
}

// RawAnswer is what a source answers to one question. It answers
// GET /api/v1/query.
type RawAnswer struct {
	Schema   string            `json:"schema"`
	ServedAt time.Time         `json:"served_at"`
	Source   remedy.SourceName `json:"source"`
	Query    string            `json:"query"`
	Failed   string            `json:"failed,omitempty" doc:"why there is no answer"`
	Series   []RawSeries       `json:"series"`
}

type askInput struct {
	Source string    `query:"source" required:"true"`
	Query  string    `query:"query" required:"true" minLength:"1"`
	At     time.Time `query:"at" doc:"the last instant; now when absent"`
	Since  string    `query:"since" doc:"how far before it to begin; the instant alone when absent"`
	Step   string    `query:"step" default:"30s"`
}

// maxAsked is how many instants one question may be about.
const maxAsked = 11_000

// trialRoutes registers what asks the sources when a person wants it: over the
// socket only.
func (s *surface) trialRoutes(api huma.API) {
	route(api, http.MethodGet, "/detectors/{name}/test", "test-detector", "Have a detector judge once, on fresh answers", func(ctx context.Context, in *trialInput) (*Trial, error) {
		if _, err := actor(ctx); err != nil {
			return nil, err
		}
		out, err := s.Engine.Try(ctx, engine.TrialQuery{
			Detector: remedy.DetectorName(in.Name), Pool: remedy.PoolName(in.Pool), Host: remedy.HostName(in.Host), At: in.At,
		})
		if err != nil {
			return nil, refused(err)
		}
		return &Trial{Schema: SchemaTrial, ServedAt: s.now(), Trial: *out}, nil
	})
	route(api, http.MethodGet, "/query", "query", "Ask a source through warden's own client", func(ctx context.Context, in *askInput) (*RawAnswer, error) {
		if _, err := actor(ctx); err != nil {
			return nil, err
		}
		at := in.At
		if at.IsZero() {
			at = s.now()
		}
		out, err := AskSource(ctx, s.Engine.Config(), remedy.SourceName(in.Source), in.Query, at, in.Since, in.Step)
		if err != nil {
			return nil, err
		}
		out.ServedAt = s.now()
		return out, nil
	})
}

// AskSource asks a source of a config one question, about one instant or, with
// since, about the time before it.
func AskSource(ctx context.Context, cfg *engine.Config, source remedy.SourceName, query string, at time.Time, since, step string) (*RawAnswer, error) {
	every, err := config.ParseDuration(step)
	if err != nil || every.Std() < time.Second {
		return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "step: use a time of 1s or more, such as 30s")
	}
	from, to := at, at
	if since != "" {
		back, err := config.ParseDuration(since)
		if err != nil {
			return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "since: "+err.Error())
		}
		to = at.Truncate(every.Std())
		from = to.Add(-back.Std()).Truncate(every.Std())
		if to.Sub(from)/every.Std() > maxAsked {
			return nil, problem(http.StatusUnprocessableEntity, CodeInvalid, "since holds more than "+strconv.Itoa(maxAsked)+" steps: use a longer step")
		}
	}
	a, err := cfg.Ask(ctx, source, query, from, to, every.Std())
	if err != nil {
		return nil, refused(err)
	}
	out := &RawAnswer{Schema: SchemaSeries, ServedAt: at, Source: source, Query: query, Failed: a.Failed, Series: []RawSeries{}}
	for _, x := range a.Series {
		one := RawSeries{Labels: x.Labels, Points: []RawPoint{}}
		for _, p := range x.Points {
			point := RawPoint{At: time.UnixMilli(p.At).UTC()}
			if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
				point.Text = strconv.FormatFloat(p.Value, 'g', -1, 64)
			} else {
				point.Value = &p.Value
			}
			one.Points = append(one.Points, point)
		}
		out.Series = append(out.Series, one)
	}
	return out, nil
}
