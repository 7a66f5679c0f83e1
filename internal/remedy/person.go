package remedy

import (
	"slices"
	"strings"
)

// Actor is who did something: a person, or warden itself.
type Actor struct {
	// Name is the unix user name for a person who has one, or else the e-mail
	// address or key that a surface vouches for, and "warden" for warden.
	Name string `json:"name"`
	// UID is the unix user id; meaningful for a person only.
	UID uint32 `json:"uid,omitempty"`
	// Groups are the unix groups the person was in when the request was made.
	Groups []string `json:"groups,omitempty"`
	// Keys are further names that the surface vouches for, in the form in which
	// `approvers` has them: "slack:U024BE7LH", "slack:@oncall-ops", an e-mail address.
	// They never name a unix user or group.
	Keys []string `json:"keys,omitempty"`
	// Via says which surface the request came through: "cli", "console", "slack".
	Via string `json:"via,omitempty"`
	// Node is the node the request came in at, where that was not the one that
	// carried it out.
	Node NodeID `json:"node,omitempty"`
	// Person is true for people and false for warden itself.
	Person bool `json:"person,omitempty"`
}

// Warden is the actor of everything warden does by itself.
func Warden() Actor { return Actor{Name: "warden"} }

// MayApprove reports whether the actor is one of the approvers: a person whose
// user name is listed, who is in a listed group (written "@group"), or who has a
// listed key. An empty list admits nobody.
func (a Actor) MayApprove(approvers []string) bool {
	if !a.Person {
		return false
	}
	return slices.ContainsFunc(approvers, func(want string) bool {
		if group, ok := strings.CutPrefix(want, "@"); ok {
			return slices.Contains(a.Groups, group)
		}
		return want == a.Name || slices.Contains(a.Keys, want)
	})
}
