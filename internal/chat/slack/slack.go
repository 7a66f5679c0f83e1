package slack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Settings are those of [chat.slack] in force.
type Settings struct {
	// HTTP takes clicks over HTTP; else over a socket that is opened from here.
	HTTP bool
	// BotToken, AppToken and SigningSecret read the secrets, each time they are
	// needed, so that one that was replaced is noticed.
	BotToken, AppToken, SigningSecret func() (string, error)
	// Cluster is the cluster's name, which every answer to what was said has: who
	// freezes should see what they froze. Empty leaves it out.
	Cluster string
	// Channel is where people are told, Channels where those of a pool are.
	Channel  string
	Channels map[remedy.PoolName]string
	// Summary is where the morning summary goes; Channel when empty.
	Summary string
	Tone    chat.Tone
	Zone    *time.Location
	// ComplainEvery is how long one message stands for all complaints about one
	// host and action.
	ComplainEvery time.Duration
	// Budget is how many messages a pool gets in an hour before the others share
	// one; 0 for no bound. What asks or pages is never held back.
	Budget int
	// AskReason has a no ask for its reason.
	AskReason bool
	// APIURL is where Slack is; Slack's own when empty.
	APIURL string
	// People finds who has an e-mail address: their unix user; false for nobody.
	People func(email string) (unix string, ok bool)
	// Templates word pieces of messages; nil for warden's own words.
	Templates *Templates
	// MaxSnooze is how long a question may be put off.
	MaxSnooze time.Duration
}

// Options is what a Slack is made of. All fields are required, unless they say otherwise.
type Options struct {
	Settings func() Settings
	// ClusterID is the id of the cluster; empty before it was founded.
	ClusterID func() string
	// Leader reports whether this node knows a leader.
	Leader func() bool
	// Case finds a case as this node knows it.
	Case func(remedy.CaseID) (*ledger.Case, bool)
	// Against is what people say against a case; nil for nothing.
	Against func(*ledger.Case) ledger.Standing
	Desk    Desk
	// HomeOf is what somebody sees in the app's home tab; nil for no such tab.
	HomeOf func(by remedy.Actor) Home
	// Refused is told of every click, and every word to the bot, that did nothing
	// because it was refused, to have it audited; nil for nobody. It must not wait.
	Refused func(ledger.ClicksRefused)
	// Clock paces what is sent: it is Slack's own time. Wire is the clock of
	// connections; Clock when nil.
	Clock, Wire clock.Clock
	Logger      *zap.Logger
	// Client makes requests; nil for one of its own.
	Client *http.Client
	// Dial makes the connections of sockets, and of a Client of its own; nil for the
	// system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Slack is one workspace: a chat.Courier, and the place where clicks come in. It
// is safe for concurrent use, and outlives reloads.
type Slack struct {
	Options

	faults atomic.Int64

	mu    sync.Mutex
	since session // of the tokens in force
	// tried is the workspace that was asked last who this is, and pauses are what it
	// wants to be left alone: another one is not bound by them.
	tried  account
	pauses *pauses
	// next is when a channel may be written to again, by its lane: see pauses.
	next map[string]time.Time
	// held are the messages that Slack refuses, or has trouble with, by key and place,
	// and went is when something got through last.
	held map[string]held
	went time.Time
	// maybe are keys whose posting ended in an error that leaves open whether it
	// was posted.
	maybe map[string]bool
	// spent are the times of the posts of the last hour, by pool.
	spent map[remedy.PoolName][]time.Time
	// seen are the clicks of the last minutes, by envelope and action.
	seen map[string]time.Time
	// reviewed is when summaries were looked at last, for what has changed.
	reviewed time.Time
	// people are who was looked up lately.
	people map[string]looked
	groups groupsSeen
	// ids are users by e-mail address, for mentions.
	ids map[string]looked
}

// New makes one. Nothing is contacted.
func New(o Options) *Slack {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 15 * time.Second}
		if o.Dial != nil {
			o.Client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: o.Dial}
		}
	}
	if o.Wire == nil {
		o.Wire = o.Clock
	}
	return &Slack{
		Options: o, next: map[string]time.Time{}, held: map[string]held{}, maybe: map[string]bool{}, spent: map[remedy.PoolName][]time.Time{}, seen: map[string]time.Time{},
		people: map[string]looked{}, ids: map[string]looked{},
	}
}

// Surface implements chat.Courier.
func (*Slack) Surface() ledger.Surface { return ledger.SurfaceSlack }

// account is what Slack knows this warden by, and where.
type account struct{ token, url string }

// session is what is known of the workspace that a token is for.
type session struct {
	token, cluster, url string
	client              *api.Client
	signer              signer
	pauses              *pauses
	// team is the workspace's id and home its address; empty before the first
	// call that said so.
	team, home, bot string
}

// session is the client for the token in force, and what signs buttons.
func (s *Slack) session(ctx context.Context) (session, error) {
	set := s.Settings()
	if set.BotToken == nil {
		return session{}, errOff
	}
	token, err := set.BotToken()
	if err != nil {
		return session{}, err
	}
	cluster := s.ClusterID()
	switch {
	case token == "":
		return session{}, errors.New("there is no bot token: see chat.slack.bot_token_file")
	case cluster == "":
		return session{}, errors.New("the cluster has no id yet")
	}
	s.mu.Lock()
	have := s.since
	s.mu.Unlock()
	if have.token == token && have.cluster == cluster && have.url == set.APIURL && have.team != "" {
		return have, nil
	}
	app := ""
	if set.AppToken != nil && !set.HTTP {
		if app, err = set.AppToken(); err != nil {
			return session{}, err
		}
	}
	sign, err := newSigner(token, cluster)
	if err != nil {
		return session{}, err
	}
	next := session{token: token, cluster: cluster, url: set.APIURL, signer: sign, pauses: s.pausesOf(account{token, set.APIURL})}
	opts := []api.Option{api.OptionHTTPClient(newWire(s.Client, next.pauses)), api.OptionAppLevelToken(app)}
	if set.APIURL != "" {
		opts = append(opts, api.OptionAPIURL(strings.TrimSuffix(set.APIURL, "/")+"/"))
	}
	next.client = api.New(token, opts...)
	who, err := next.client.AuthTestContext(ctx)
	if err != nil {
		return session{}, fmt.Errorf("ask Slack who I am: %w", err)
	}
	next.team, next.home, next.bot = who.TeamID, strings.TrimSuffix(who.URL, "/"), who.UserID
	s.mu.Lock()
	s.since = next
	s.people, s.groups, s.ids = map[string]looked{}, groupsSeen{}, map[string]looked{}
	s.mu.Unlock()
	return next, nil
}

// pausesOf are the pauses of an account.
func (s *Slack) pausesOf(a account) *pauses {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried != a {
		s.tried, s.pauses, s.held = a, newPauses(s.Clock), map[string]held{}
	}
	return s.pauses
}

// permalink leads to a message.
func (x session) permalink(channel, ts string) string {
	if x.home == "" || channel == "" || ts == "" {
		return ""
	}
	return x.home + "/archives/" + channel + "/p" + strings.ReplaceAll(ts, ".", "")
}
