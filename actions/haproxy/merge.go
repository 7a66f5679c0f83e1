package haproxy

import (
	"strings"
	"time"

	"warden/internal/remedy"
)

// merge joins what the load balancers of one pool say. A host is one of the
// pool as soon as one of them lists it. It takes traffic if any of them sends
// it some, and it is as wanted only where all of them say so: one that doesn't
// list it might do so at its next reload.
func merge(all []balancer, seen []sight) map[remedy.HostName]remedy.Observation {
	if len(seen) == 1 {
		return seen[0]
	}
	out := map[remedy.HostName]remedy.Observation{}
	for _, s := range seen {
		for host := range s {
			if _, done := out[host]; !done {
				out[host] = mergeHost(host, all, seen)
			}
		}
	}
	return out
}

func mergeHost(host remedy.HostName, all []balancer, seen []sight) remedy.Observation {
	parts := make([]remedy.Observation, len(seen))
	for i, s := range seen {
		o, listed := s[host]
		if !listed {
			o = unlisted(all[i].name)
		}
		parts[i] = o
	}
	out := parts[0]
	out.Balancers = nil
	var details []string
	for i, o := range parts {
		if len(o.Balancers) == 0 { // two of its servers are this host
			o.Balancers = []remedy.Balancer{{Name: all[i].name, State: o.State, AsWanted: o.AsWanted}}
		}
		out.Balancers = append(out.Balancers, o.Balancers...)
		details = append(details, all[i].name+": "+o.Detail)
		if i == 0 {
			continue
		}
		out.State = anyIn(out.State, o.State)
		out.AsWanted, out.Took = both(out.AsWanted, o.AsWanted), both(out.Took, o.Took)
		out.LastChange = latest(out.LastChange, o.LastChange)
		out.Sessions, out.Rate = sum(out.Sessions, o.Sessions), sum(out.Rate, o.Rate)
	}
	out.Admin, out.Detail = adminWords(out.States()), quote(strings.Join(details, "; "))
	return out
}

// unlisted is what a load balancer that doesn't list a host says of it.
func unlisted(name string) remedy.Observation {
	why := name + " doesn't list this host: give all load balancers of the pool the same servers"
	o := remedy.Observation{
		AsWanted: remedy.Unknown[bool](why), Took: remedy.Unknown[bool](why), LastChange: remedy.Unknown[time.Time](why),
		Sessions: remedy.Unknown[int64](why), Rate: remedy.Unknown[int64](why), Detail: "not listed",
	}
	o.Balancers = []remedy.Balancer{{Name: name, AsWanted: o.AsWanted, Life: remedy.Unknown[remedy.Life](why)}}
	return o
}

// anyIn is in as soon as one is, and out only where both are.
func anyIn(a, b remedy.ServiceState) remedy.ServiceState {
	switch {
	case a == remedy.ServiceIn || b == remedy.ServiceIn:
		return remedy.ServiceIn
	case a == remedy.ServiceOut && b == remedy.ServiceOut:
		return remedy.ServiceOut
	}
	return remedy.ServiceUnknown
}

// both is true where both are, false where one certainly isn't, and unknown
// otherwise.
func both(a, b remedy.Fact[bool]) remedy.Fact[bool] {
	x, xknown := a.Get()
	y, yknown := b.Get()
	switch {
	case xknown && !x:
		return a
	case yknown && !y, !yknown:
		return b
	case !xknown:
		return a
	}
	return remedy.Known(x && y)
}

func sum(a, b remedy.Fact[int64]) remedy.Fact[int64] {
	x, xknown := a.Get()
	y, yknown := b.Get()
	switch {
	case !xknown:
		return a
	case !yknown:
		return b
	}
	return remedy.Known(x + y)
}

func latest(a, b remedy.Fact[time.Time]) remedy.Fact[time.Time] {
	x, xknown := a.Get()
	y, yknown := b.Get()
	switch {
	case !xknown:
		return a
	case !yknown || y.After(x):
		return b
	}
	return a
}
