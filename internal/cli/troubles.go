package cli

import (
	"warden/internal/doctor"
	"warden/internal/web"
)

// troubles says what the node that answers can't do.
func (o *printer) troubles(s *web.Status) {
	for _, x := range s.Troubles {
		o.line(o.paint(yellow, say("%s: %s, for %s: %s", s.Node, x.What, since(s.Now, x.Since), x.Why)))
		o.line(say("  %s", x.Do))
	}
}

// troubles are what doctor makes of that.
func troubles(s *web.Status) []doctor.Result {
	var out []doctor.Result
	for _, x := range s.Troubles {
		out = append(out, doctor.Bad(doctor.Fail, string(s.Node), x.Do, "%s: %s", x.What, x.Why))
	}
	return out
}
