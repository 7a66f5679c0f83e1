package remedy

import "strings"

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

// Mention says whom a question may call by name, so that they hear of it. The
// zero value is its approvers.
type Mention string

// The mentions.
const (
	MentionApprovers Mention = ""
	MentionOnCall    Mention = "oncall" // the role of that name alone
	MentionNobody    Mention = "nobody" // it is quiet: whoever is awake will see it
)
