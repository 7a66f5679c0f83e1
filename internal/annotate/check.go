package annotate

import (
	"context"
	"net/http"
	"time"

	"warden/internal/doctor"
	"warden/internal/outbound"
)

// Check looks whether marks can be looked up at a place: nothing is marked. Now
// is asked for the time to look around.
func Check(p Place, now func() time.Time) doctor.Check {
	return doctor.Check{Name: "annotations", Run: func(ctx context.Context) []doctor.Result {
		_, _, r, err := p.Find(ctx, Mark{At: now(), Tags: []string{"warden.doctor"}})
		return []doctor.Result{found(p.Name(), r, err)}
	}}
}

func found(name string, r outbound.Reply, err error) doctor.Result {
	fix := "mend [annotations." + name + "] in the config, or what it leads to; marks wait meanwhile"
	switch {
	case err == nil && r.OK():
		return doctor.Good(name, "it lets marks be read; whether it takes one shows with the first")
	case err != nil:
		return doctor.Bad(doctor.Fail, name, fix, "%v", err)
	case name == "graphite" && r.Status == http.StatusInternalServerError:
		fix = "make graphite-web's database, which events need: django-admin migrate --run-syncdb with its settings; marks wait meanwhile"
	case name == "grafana" && (r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden):
		fix = "give the service account of token_file the role Editor, or annotations:read, create and write, or write a new token into the file"
	}
	return doctor.Bad(doctor.Fail, name, fix, "%v", r.Failure(name))
}
