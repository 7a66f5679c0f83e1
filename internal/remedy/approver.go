package remedy

import (
	"slices"
	"strings"
)

// Approver is one of those who may answer a question, resolved when it was
// asked. An edit of the config doesn't change it.
type Approver struct {
	// Match is what an actor is held against, as in MayApprove: a unix user name, a
	// unix group as "@group", an e-mail address, or a user or user group of Slack as
	// "slack:U024BE7LH" and "slack:@handle".
	Match string `json:"match"`
	// Person is the person's name in [approvals.people]; empty where the config
	// names nobody.
	Person string `json:"person,omitempty"`
	// Email is that person's, for showing.
	Email string `json:"email,omitempty"`
	// Role is the role through which it came in; empty without one.
	Role string `json:"role,omitempty"`
}

// String words it with where it came from: "fran (oncall, fran@example.net)".
func (a Approver) String() string {
	name := a.Match
	var from []string
	if a.Person != "" && a.Person != a.Match {
		from = append(from, a.Person)
	}
	if a.Role != "" {
		from = append(from, a.Role)
	}
	if a.Email != "" {
		from = append(from, a.Email)
	}
	if len(from) == 0 {
		return name
	}
	return name + " (" + strings.Join(from, ", ") + ")"
}

// Matches lists what actors are held against, in the order given.
func Matches(who []Approver) []string {
	out := make([]string, 0, len(who))
	for _, a := range who {
		out = append(out, a.Match)
	}
	return out
}

// Group reports whether it stands for a group, of whom nobody knows who is in it
// before they come.
func (a Approver) Group() bool {
	return strings.HasPrefix(a.Match, "@") || strings.HasPrefix(a.Match, "slack:@")
}

// Actor is the approver as who would come, for telling who they are: it has no
// rights. A group is nobody: false.
func (a Approver) Actor() (Actor, bool) {
	if a.Group() {
		return Actor{}, false
	}
	if strings.Contains(a.Match, "@") || strings.HasPrefix(a.Match, "slack:") {
		return Actor{Name: a.Match, Keys: []string{a.Match}, Person: true}, true
	}
	return Actor{Name: a.Match, Person: true}, true
}

// Alias says that several unix users and an e-mail address are one person, so that
// nobody counts twice where two people have to agree.
type Alias struct {
	Person string   `json:"person"`
	Unix   []string `json:"unix"`
	// Email is in lower case; empty where the config doesn't say.
	Email string `json:"email,omitempty"`
}

// PersonOf is who an actor is: the person whose alias their user name or address
// is, or else the name itself. Two actors with one PersonOf are one person.
func PersonOf(a Actor, aliases []Alias) string {
	if one, ok := aliasOf(a, aliases); ok {
		return "person " + one.Person // no unix user name has a space
	}
	return a.Name
}

func aliasOf(a Actor, aliases []Alias) (Alias, bool) {
	for _, one := range aliases {
		if slices.Contains(one.Unix, a.Name) || one.Email != "" && slices.Contains(a.Keys, one.Email) {
			return one, true
		}
	}
	return Alias{}, false
}

// SamePerson reports whether two actors are one person, or may be: what can't be
// told apart doesn't count as two. They are one when the config says so, when
// they have one name, and when a surface vouches for one id or address of both,
// however their names have changed. A unix user and somebody whom only a chat
// knows may be anybody's two names, unless the config has the unix user's address
// and the chat vouches for another.
func SamePerson(a, b Actor, aliases []Alias) bool {
	p, known := aliasOf(a, aliases)
	q, knownToo := aliasOf(b, aliases)
	switch {
	case known && knownToo:
		return p.Person == q.Person
	case a.Name == b.Name || slices.ContainsFunc(a.Keys, func(key string) bool { return !strings.HasPrefix(key, "slack:@") && slices.Contains(b.Keys, key) }):
		return true
	case (len(a.Keys) == 0) == (len(b.Keys) == 0):
		return false
	case len(a.Keys) == 0:
		return p.Email == "" || !addressed(b)
	}
	return q.Email == "" || !addressed(a)
}

// addressed reports whether a surface vouches for an e-mail address of the actor.
func addressed(a Actor) bool {
	return slices.ContainsFunc(a.Keys, func(key string) bool { return strings.Contains(key, "@") && !strings.HasPrefix(key, "slack:") })
}

// Mention says whom a question may call by name, so that they hear of it. The
// zero value is its approvers.
type Mention string

// The mentions.
const (
	MentionApprovers Mention = ""
	MentionOnCall    Mention = "oncall" // the role of that name alone
	MentionNobody    Mention = "nobody" // it is quiet: whoever is awake will see it
)
