package ledger

import (
	"cmp"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// Domain words a host's failure domain as facts carry it: "rack=r12". It is
// empty when the host has no such label. The label is part of it, so that
// after the config named another one, an older fact is unknown and not wrong.
func Domain(label, value string) string {
	if label == "" || value == "" {
		return ""
	}
	return label + "=" + value
}

// inDomain returns a fact's domain if it is of the label, and else "".
func inDomain(domain, label string) string {
	if label == "" || !strings.HasPrefix(domain, label+"=") {
		return ""
	}
	return domain
}

// outHost is a host that counts as out, and where it stands; "" if nobody knows.
type outHost struct {
	host   remedy.HostName
	domain string
}

// outHosts lists the hosts of the pool that are out by anybody's hand,
// executing, of unknown execution outcome or held out by a shadow execution,
// each once, by name. What was observed says where a host stands before what
// was said at START.
func (m *machine) outHosts(p *pool, q outQuery, label string) []outHost {
	out := make([]outHost, 0, len(p.Out)+len(p.Open))
	for _, o := range p.Out {
		out = append(out, outHost{o.Host, inDomain(o.Domain, label)})
	}
	for _, id := range p.Open {
		if c := m.find(id); c != nil && c.ID != q.own && holdsOut(c) {
			domain := ""
			if a := c.Acted(); a != nil {
				domain = inDomain(a.Domain, label)
			}
			out = append(out, outHost{c.Host, domain})
		}
	}
	if q.shadow {
		for _, s := range p.Starts {
			if s.shadowOut(q.now) && s.Case != q.exceptCase {
				out = append(out, outHost{s.Host, inDomain(s.Domain, label)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b outHost) int { return cmp.Compare(a.host, b.host) })
	kept := out[:0]
	for _, o := range out {
		if n := len(kept); n > 0 && kept[n-1].host == o.host {
			kept[n-1].domain = cmp.Or(kept[n-1].domain, o.domain)
			continue
		}
		kept = append(kept, o)
	}
	return kept
}

// domainsOf lists the domains of hosts that are out, but for one host, sorted
// and each once, and the first host of which nobody knows where it stands.
func domainsOf(out []outHost, except remedy.HostName) (domains []string, lost remedy.HostName) {
	for _, o := range out {
		switch {
		case o.host == except:
		case o.domain != "":
			domains = append(domains, o.domain)
		case lost == "":
			lost = o.host
		}
	}
	slices.Sort(domains)
	return slices.Compact(domains), lost
}

// admitDomain refuses to take a host out of one failure domain more than the
// pool allows, and whatever can't be told.
func admitDomain(b *ExecStart, c *Case, out []outHost, l Limits) Result {
	if l.DomainLabel == "" {
		return done(c.ID)
	}
	domain := inDomain(b.Domain, l.DomainLabel)
	domains, lost := domainsOf(out, c.Host)
	switch {
	case domain == "":
		return refuse(RefusedLimit, "nobody knows the %s of %s: give it that label in the inventory", l.DomainLabel, c.Host)
	case lost != "":
		return refuse(RefusedLimit, "%s is out and nobody knows its %s: give it that label in the inventory", lost, l.DomainLabel)
	}
	if i, ok := slices.BinarySearch(domains, domain); !ok {
		domains = slices.Insert(domains, i, domain)
	}
	if len(domains) > l.MaxDomains {
		return refuse(RefusedLimit, "hosts of %s would be out and %d failure domains may be: put a host back first", strings.Join(domains, ", "), l.MaxDomains)
	}
	return done(c.ID)
}

// stricterDomains takes the stricter of two limits on failure domains: one is
// stricter than none. Where two nodes name different labels no host stands in
// a known domain, and nothing is taken out until they agree.
func stricterDomains(a, b Limits) (label string, most int) {
	switch {
	case a.DomainLabel == "":
		return b.DomainLabel, b.MaxDomains
	case b.DomainLabel == "":
		return a.DomainLabel, a.MaxDomains
	}
	labels := slices.Concat(strings.Split(a.DomainLabel, " or "), strings.Split(b.DomainLabel, " or "))
	slices.Sort(labels)
	return strings.Join(slices.Compact(labels), " or "), min(a.MaxDomains, b.MaxDomains)
}
