package fakeslack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Workspace is who and what there is. Ids are Slack's: U… for users, S… for
// user groups, C… for channels, T… for workspaces.
type Workspace struct {
	// ID and Domain name the workspace; T0FAKE000 and fake without them.
	ID, Domain string
	Users      []User
	Groups     []Group
	Channels   []Channel
}

// User is a person or a bot.
type User struct {
	ID string
	// Name is the handle, RealName what people read; Name without it.
	Name, RealName string
	// Email is given to apps that have users:read.email.
	Email string
	// Unconfirmed says that nobody has shown that the address is theirs.
	Unconfirmed bool
	// TZ is a name such as Europe/London; Etc/UTC without it.
	TZ string
	// Bot, Deleted and Restricted (a guest, and Ultra one of one channel) are as
	// Slack says.
	Bot, Deleted, Restricted, Ultra bool
	// Team is another workspace than this one for people who come over a shared
	// channel: users.info says is_stranger of them and gives no e-mail.
	Team string
}

// Group is a user group.
type Group struct {
	ID string
	// Handle is what people type after the @.
	Handle, Name string
	// Users are ids.
	Users []string
	// Disabled groups are listed only when asked for.
	Disabled bool
}

// Channel is a channel. Everybody in the workspace may read a public one.
type Channel struct {
	ID, Name string
	Private  bool
	Archived bool
	// Members are ids; the app's bot is one where it was invited.
	Members []string
}

// Ids of the workspace that Example makes.
const (
	BotUser = "U0WARDEN"
	BotID   = "B0WARDEN"
	AppID   = "A0WARDEN"

	Alice = "U0ALICE"
	Bob   = "U0BOB"
	Carol = "U0CAROL"
	Fran  = "U0FRAN"
	Gus   = "U0GUS"  // a guest
	Stan  = "U0STAN" // from another workspace
	Dora  = "U0DORA" // has left
	Hal   = "U0HAL"  // another bot

	OnCall = "S0ONCALL"

	Ops       = "C0OPS"
	Incident  = "C0INC"
	Elsewhere = "C0RANDOM" // the bot is not in it
	Secret    = "C0SECRET" // private, and the bot is not in it
)

// Example is a workspace to test with: four people of whom alice, bob and fran
// are on call, one of each kind that must not decide, and four channels of
// which the bot is in two. The caller owns it.
func Example() Workspace {
	everybody := []string{Alice, Bob, Carol, Fran, Gus, Stan}
	return Workspace{
		ID: "T0FAKE000", Domain: "example",
		Users: []User{
			{ID: BotUser, Name: "warden", Bot: true},
			{ID: Alice, Name: "alice", RealName: "Alice Adams", Email: "alice@example.net", TZ: "Europe/London"},
			{ID: Bob, Name: "bob", RealName: "Bob Brown", Email: "bob@example.net", TZ: "America/New_York"},
			{ID: Carol, Name: "carol", RealName: "Carol Clark", Email: "carol@example.net", TZ: "Asia/Tokyo"},
			{ID: Fran, Name: "fran", RealName: "Fran Ford", Email: "fran@example.net", TZ: "Europe/Berlin"},
			{ID: Gus, Name: "gus", RealName: "Gus Guest", Email: "gus@example.com", Restricted: true},
			{ID: Stan, Name: "stan", RealName: "Stan Stranger", Email: "stan@example.org", Team: "T0OTHER00"},
			{ID: Dora, Name: "dora", RealName: "Dora Departed", Email: "dora@example.net", Deleted: true},
			{ID: Hal, Name: "hal", RealName: "Hal", Bot: true},
		},
		Groups: []Group{
			{ID: OnCall, Handle: "oncall-ops", Name: "On call, operations", Users: []string{Alice, Bob, Fran}},
			{ID: "S0OLD", Handle: "old-ops", Name: "Old operations", Users: []string{Carol}, Disabled: true},
		},
		Channels: []Channel{
			{ID: Ops, Name: "ops", Members: append([]string{BotUser}, everybody...)},
			{ID: Incident, Name: "incident", Members: append([]string{BotUser}, everybody...)},
			{ID: Elsewhere, Name: "random", Members: slices.Clone(everybody)},
			{ID: Secret, Name: "secret", Private: true, Members: []string{Alice}},
		},
	}
}

// complete fills in what was left out and refuses what can't be told apart.
func (w *Workspace) complete() error {
	w.ID = cmp.Or(w.ID, "T0FAKE000")
	w.Domain = cmp.Or(w.Domain, "example")
	ids := map[string]bool{}
	claim := func(id, what string) error {
		if id == "" || ids[id] {
			return fmt.Errorf("fakeslack: %s has the id %q, which is empty or another's: give each its own", what, id)
		}
		ids[id] = true
		return nil
	}
	for i := range w.Users {
		u := &w.Users[i]
		u.RealName, u.TZ, u.Team = cmp.Or(u.RealName, u.Name), cmp.Or(u.TZ, "Etc/UTC"), cmp.Or(u.Team, w.ID)
		if err := claim(u.ID, "user "+u.Name); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(w.Users, func(u User) bool { return u.ID == BotUser }) {
		w.Users = append(w.Users, User{ID: BotUser, Name: "warden", RealName: "warden", TZ: "Etc/UTC", Team: w.ID, Bot: true})
	}
	for _, g := range w.Groups {
		if err := claim(g.ID, "group "+g.Handle); err != nil {
			return err
		}
	}
	for _, c := range w.Channels {
		if err := claim(c.ID, "channel "+c.Name); err != nil {
			return err
		}
	}
	return nil
}

// clone is a copy that shares nothing.
func (w Workspace) clone() Workspace {
	w.Users = slices.Clone(w.Users)
	w.Groups = slices.Clone(w.Groups)
	for i := range w.Groups {
		w.Groups[i].Users = slices.Clone(w.Groups[i].Users)
	}
	w.Channels = slices.Clone(w.Channels)
	for i := range w.Channels {
		w.Channels[i].Members = slices.Clone(w.Channels[i].Members)
	}
	return w
}

func (w *Workspace) user(id string) *User {
	if i := slices.IndexFunc(w.Users, func(u User) bool { return u.ID == id }); i >= 0 {
		return &w.Users[i]
	}
	return nil
}

// channel finds a channel by id or, as chat.postMessage does, by #name.
func (w *Workspace) channel(id string) *Channel {
	name := strings.TrimPrefix(id, "#")
	if i := slices.IndexFunc(w.Channels, func(c Channel) bool { return c.ID == id || c.Name == name }); i >= 0 {
		return &w.Channels[i]
	}
	return nil
}

func (c *Channel) has(user string) bool { return slices.Contains(c.Members, user) }

// Change edits the workspace in place: people leave, groups change, channels
// are archived. The function may not keep the pointer.
func (s *Server) Change(edit func(*Workspace)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.ws)
}

// Archive archives a channel: nothing can be posted or edited there any more.
func (s *Server) Archive(channel string) {
	s.Change(func(w *Workspace) {
		if c := w.channel(channel); c != nil {
			c.Archived = true
		}
	})
}

// Kick takes the app's bot out of a channel.
func (s *Server) Kick(channel string) {
	s.Change(func(w *Workspace) {
		if c := w.channel(channel); c != nil {
			c.Members = slices.DeleteFunc(c.Members, func(id string) bool { return id == BotUser })
		}
	})
}
