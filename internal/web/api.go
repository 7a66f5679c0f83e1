package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// openAPIPath is where the description of the API is, less its extension.
const openAPIPath = "/api/v1/openapi"

// apiVersion is the version of the API, which is not the build's.
const apiVersion = "1"

// api puts the endpoints on the mux, with their description beside them.
func (s *surface) api(mux *http.ServeMux) error {
	doc := s.describe(mux)
	asJSON, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("describe the API: %w; this is a bug, please report it", err)
	}
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("describe the API: %w; this is a bug, please report it", err)
	}
	for ext, data := range map[string][]byte{"json": asJSON, "yaml": asYAML} {
		mux.HandleFunc("GET "+openAPIPath+"."+ext, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/openapi+"+ext)
			_, _ = w.Write(data) // the caller hung up
		})
	}
	return nil
}

// describe registers the endpoints and returns their description.
func (s *surface) describe(mux *http.ServeMux) *huma.OpenAPI {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	// What marshals itself is described as what it becomes.
	schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	schemas.RegisterTypeAlias(reflect.TypeFor[remedy.Fact[bool]](), reflect.TypeFor[*bool]())
	schemas.RegisterTypeAlias(reflect.TypeFor[remedy.Fact[float64]](), reflect.TypeFor[*float64]())
	schemas.RegisterTypeAlias(reflect.TypeFor[remedy.Fact[int]](), reflect.TypeFor[*int]())
	api := humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "warden", Version: apiVersion,
				Description: "What warden sees, wants and does. The unix socket reads and writes, and the person is the socket's peer; TCP on loopback only reads.",
			},
			Components: &huma.Components{Schemas: schemas},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{ownProblem},
	})
	s.reads(api)
	s.caseWrites(api)
	s.stopWrites(api)
	s.breakerRoutes(api)
	s.configRoutes(api)
	s.policyRoutes(api)
	s.trustRoutes(api)
	s.trustSeriesRoutes(api)
	s.statsRoutes(api)
	s.summaryRoutes(api)
	s.explainRoutes(api)
	s.trialRoutes(api)
	s.operatorRoutes(api)
	s.timelineRoutes(api)
	for name, schema := range schemas.Map() {
		if !strings.HasSuffix(name, "Request") {
			schema.AdditionalProperties = nil // answers gain fields; only requests are read strictly
		}
	}
	return api.OpenAPI()
}

// ownProblem turns the errors that huma itself finds in a request into this
// package's, so that every error reads the same.
func ownProblem(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if e.Status >= http.StatusInternalServerError {
		return problem(e.Status, CodeInternal, e.Detail), nil
	}
	return invalid(e), nil
}

// answer is what huma wants around a body.
type answer[T any] struct{ Body T }

// route registers one endpoint.
func route[I, O any](api huma.API, method, path, id, summary string, f func(context.Context, *I) (*O, error)) {
	huma.Register(api, huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, MaxBodyBytes: maxBody, BodyReadTimeout: readTimeout,
	}, func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		return &answer[O]{Body: *out}, nil
	})
}

type none struct{}

type caseInput struct {
	ID string `path:"id" example:"W-1042" doc:"the case, as W-1042 or 1042"`
}

func caseID(s string) (remedy.CaseID, error) {
	id, err := remedy.ParseCaseID(s)
	if err != nil {
		return 0, problem(http.StatusUnprocessableEntity, CodeInvalid, err.Error())
	}
	return id, nil
}

type casesInput struct {
	Pool   string    `query:"pool"`
	Host   string    `query:"host"`
	Action string    `query:"action"`
	Stage  string    `query:"stage" enum:"detected,proposed,waiting,executing,verifying,out,closed"`
	Open   bool      `query:"open" doc:"only cases that are not closed"`
	Since  time.Time `query:"since" doc:"only cases that changed at or after this instant"`
	Within string    `query:"within" doc:"only cases that changed within this time, such as 24h; the server's clock counts"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type hostsInput struct {
	Pool string `query:"pool"`
	Bad  bool   `query:"bad" doc:"only hosts that are bad; with out, those that are either"`
	Out  bool   `query:"out" doc:"only hosts that are out of service; with bad, those that are either"`
}

type poolInput struct {
	Name string `path:"name"`
}

// reads registers what changes nothing.
func (s *surface) reads(api huma.API) {
	route(api, http.MethodGet, "/status", "get-status", "Warden at a glance", func(_ context.Context, _ *none) (*Status, error) {
		return s.status(), nil
	})
	route(api, http.MethodGet, "/cases", "list-cases", "List cases, newest first", func(_ context.Context, in *casesInput) (*Cases, error) {
		return s.cases(in)
	})
	route(api, http.MethodGet, "/cases/{id}", "get-case", "One case with all that is known of it", func(_ context.Context, in *caseInput) (*CaseDetail, error) {
		id, err := caseID(in.ID)
		if err != nil {
			return nil, err
		}
		return s.caseDetail(id)
	})
	route(api, http.MethodGet, "/cases/{id}/undo", "preview-undo", "What undoing a case would do", func(_ context.Context, in *caseInput) (*Preview, error) {
		id, err := caseID(in.ID)
		if err != nil {
			return nil, err
		}
		return preview(s.Engine.PreviewUndo(id))
	})
	route(api, http.MethodGet, "/hosts", "list-hosts", "List hosts as the newest round saw them", func(_ context.Context, in *hostsInput) (*Hosts, error) {
		return s.hosts(in)
	})
	route(api, http.MethodGet, "/pools/{name}", "get-pool", "One pool with its hosts, limits and open cases", func(_ context.Context, in *poolInput) (*PoolDetail, error) {
		return s.poolDetail(remedy.PoolName(in.Name))
	})
}

func (s *surface) cases(in *casesInput) (*Cases, error) {
	since, err := s.within(in.Within)
	if err != nil {
		return nil, err
	}
	if since.After(in.Since) {
		in.Since = since
	}
	found := s.Ledger.Cases(ledger.CaseFilter{
		Pool: remedy.PoolName(in.Pool), Host: remedy.HostName(in.Host), Action: remedy.ActionName(in.Action),
		Stage: remedy.Stage(in.Stage), Open: in.Open, Since: in.Since, Limit: in.Limit + 1,
	})
	more := len(found) > in.Limit
	return &Cases{Schema: SchemaCases, ServedAt: s.now(), Cases: summaries(found[:min(len(found), in.Limit)], s.now()), More: more}, nil
}

// within is the instant a span of words before now; the zero instant, which is
// before everything, for no words.
func (s *surface) within(span string) (time.Time, error) {
	if span == "" {
		return time.Time{}, nil
	}
	d, err := config.ParseDuration(span)
	if err != nil {
		return time.Time{}, problem(http.StatusUnprocessableEntity, CodeInvalid, err.Error())
	}
	return s.now().Add(-d.Std()), nil
}

func (s *surface) caseDetail(id remedy.CaseID) (*CaseDetail, error) {
	c, ok := s.Ledger.Case(id)
	if b := s.behind(); !ok && b != nil {
		return nil, problem(http.StatusServiceUnavailable, CodeNoLeader, fmt.Sprintf("it can't be told whether there is a case %s: %s", id, b.Text))
	}
	if !ok {
		return nil, problem(http.StatusNotFound, ledger.RefusedNoCase, "there is no case "+id.String()+": see `warden cases`")
	}
	level := s.Ledger.Level(c.Action, c.Pool)
	if file, ok := s.Engine.Config().Actions[c.Action].Levels[c.Pool]; ok {
		level = min(level, file)
	}
	detail := &CaseDetail{Schema: SchemaCase, ServedAt: s.now(), Effective: level, Case: c, Labels: s.labels(c), Words: s.Ledger.Words(c)}
	said := s.Ledger.Standing(c)
	detail.Against, detail.AgainstAt = said.Words, said.Newest
	detail.Probe, detail.Posts = s.fitness(c), s.posts(id)
	if now, ok := s.Engine.Now(id); ok {
		detail.Now = &now
	}
	return detail, nil
}

func (s *surface) hosts(in *hostsInput) (*Hosts, error) {
	if in.Pool != "" {
		if err := s.knows(remedy.PoolName(in.Pool)); err != nil {
			return nil, err
		}
	}
	v, now := s.Engine.View(), s.now()
	defer v.Release()
	out := &Hosts{Schema: SchemaHosts, ServedAt: now, At: v.At.UTC(), Hosts: []Host{}}
	for _, name := range s.pools() {
		if in.Pool != "" && name != remedy.PoolName(in.Pool) {
			continue
		}
		p := s.picture(v, name, now)
		for _, h := range p.hosts {
			bad, gone := h.Verdict == remedy.VerdictBad.String(), h.OutBy != ""
			if (!in.Bad && !in.Out) || (in.Bad && bad) || (in.Out && gone) {
				out.Hosts = append(out.Hosts, h)
			}
		}
	}
	return out, nil
}

func (s *surface) poolDetail(name remedy.PoolName) (*PoolDetail, error) {
	if err := s.knows(name); err != nil {
		return nil, err
	}
	cfg, v := s.Engine.Config(), s.Engine.View()
	defer v.Release()
	p := s.picture(v, name, s.now())
	out := p.detail(v.At.UTC())
	out.Levels = s.levels(cfg, name)
	out.Judges = detectorStates(cfg, map[remedy.PoolName][]remedy.Judgement{name: p.judged}, name)
	return out, nil
}

// knows refuses a pool that the config doesn't have.
func (s *surface) knows(pool remedy.PoolName) error {
	if _, ok := s.Engine.Config().Pools[pool]; !ok {
		return problem(http.StatusNotFound, CodeNotFound, fmt.Sprintf("there is no pool %q: use one of %s", pool, remedy.Listed(s.pools())))
	}
	return nil
}
