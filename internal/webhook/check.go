package webhook

import (
	"context"
	"fmt"
	"net/http"

	"warden/internal/doctor"
	"warden/internal/outbound"
)

// Check looks whether a receiver is there, by a HEAD request: no event is sent.
// Of the Options only Name, URL, Key and Client are used.
func Check(o Options) doctor.Check {
	return doctor.Check{Name: "webhook", Run: func(ctx context.Context) []doctor.Result {
		fix := fmt.Sprintf("mend webhooks.%s in the config, or what it leads to; events wait meanwhile", o.Name)
		if _, err := o.Key(); err != nil {
			return []doctor.Result{doctor.Bad(doctor.Fail, o.Name, fix, "%v", err)}
		}
		r, err := o.Client.Send(ctx, http.MethodHead, o.URL, nil, nil)
		return []doctor.Result{said(o.Name, fix, r, err)}
	}}
}

// said is what an answer to a HEAD means. Receivers need not know HEAD, so that
// most refusals say no more than that it is there.
func said(name, fix string, r outbound.Reply, err error) doctor.Result {
	switch {
	case err != nil:
		return doctor.Bad(doctor.Fail, name, fix, "%v", err)
	case r.Status == http.StatusGone:
		return doctor.Bad(doctor.Warn, name, "remove the webhook, or correct its url", "it says that it is gone (410)")
	case r.Status/100 == 3 || r.Status >= 500 && r.Status != http.StatusNotImplemented || r.Status == http.StatusNotFound:
		return doctor.Bad(doctor.Warn, name, fix, "%v; this was a HEAD request, and no event was sent", r.Failure("the receiver"))
	}
	return doctor.Good(name, "it answers (%d to HEAD; no event was sent)", r.Status)
}
