package slack

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// job is one message that may have to be posted or edited, with the notices that
// it covers.
type job struct {
	key    string
	m      chat.Message
	seqs   []uint64
	urgent bool
	oldest time.Time
	// asks is the newest notice that asks something; 0 for none.
	asks uint64
}

// behind is how old a notice is that nobody is told of by itself any more, where
// what it tells is over: only last states after an outage.
const behind = 5 * time.Minute

// plan puts what is owed in order: what asks first, and one job for each message,
// however many notices it covers. What needs no telling here is in done.
func plan(owed chat.Owed) (jobs []job, done []uint64) {
	at := map[string]int{}
	for _, m := range owed.Messages {
		if silent(m) {
			done = append(done, m.Notice.Seq)
			continue
		}
		key := keyOf(m)
		i, ok := at[key]
		if !ok {
			i = len(jobs)
			at[key] = i
			jobs = append(jobs, job{key: key, oldest: m.Notice.At})
		}
		j := &jobs[i]
		again := j.m.Again || m.Again
		if sure := j.m.Sure; m.Sure == "" {
			m.Sure = sure
		}
		j.m, j.seqs, j.urgent = m, append(j.seqs, m.Notice.Seq), j.urgent || m.Urgent()
		j.m.Again = again
		if m.Notice.Kind == ledger.NoticeQuestion || m.Notice.Kind == ledger.NoticeAnnounced {
			j.asks = m.Notice.Seq
		}
	}
	for _, c := range owed.Changed {
		key := caseKey(c.ID)
		if _, ok := at[key]; ok || owed.About == nil {
			continue
		}
		if m, ok := owed.About(c.ID); ok {
			at[key] = len(jobs)
			jobs = append(jobs, job{key: key, m: m, oldest: owed.Now})
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int {
		if a.urgent != b.urgent {
			if a.urgent {
				return -1
			}
			return 1
		}
		return a.oldest.Compare(b.oldest)
	})
	return jobs, done
}

// caseKey is the key of a case's message.
func caseKey(id remedy.CaseID) string { return "case/" + id.String() }

// keyOf is the key of the message that tells a notice.
func keyOf(m chat.Message) string {
	switch n := m.Notice; {
	case n.Kind == ledger.NoticeSummary:
		return "summary/" + n.Detail
	case m.Case != nil && chat.TellsCase(n.Kind):
		return caseKey(m.Case.ID)
	default:
		return fmt.Sprintf("notice/%d", n.Seq)
	}
}

// silent reports whether nobody is told of it here: a case that only counts.
func silent(m chat.Message) bool {
	c := m.Case
	return c != nil && chat.TellsCase(m.Notice.Kind) && m.Level == remedy.LevelMetricOnly && c.CountedLevel <= remedy.LevelMetricOnly &&
		c.Ask == nil && c.Veto == nil && len(c.Executions) == 0
}

// digest is a short hash of a text.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// complaintKey is the key of the message that stands for all complaints about one
// host and action.
func complaintKey(c *ledger.Case) string {
	return "complaint/" + digest(string(c.Pool), string(c.Host), string(c.Action))
}

// said is what a complaint's receipt remembers: how often, since when, and of
// which case it spoke last.
type said struct {
	N     int
	Since time.Time
	Case  remedy.CaseID
}

func (x said) String() string { return fmt.Sprintf("%d %d %d", x.N, x.Since.Unix(), x.Case) }

func saidIn(p ledger.Post) said {
	var x said
	var since int64
	if _, err := fmt.Sscanf(p.Hash, "%d %d %d", &x.N, &since, &x.Case); err != nil {
		return said{}
	}
	x.Since = time.Unix(since, 0).UTC()
	return x
}

// stamp is what a case's receipt says of the message: its state, which question
// it asks, a hash of what it shows, and which key its buttons are signed with.
func stamp(k chat.Card, c *ledger.Case, shown, key string) string {
	n := ""
	if c != nil {
		n = nonce(c)
	}
	return strings.Join([]string{string(k.State), n, shown, key}, ".")
}

// signedWith is the key of a message's buttons, by its receipt; empty for none that
// is known.
func signedWith(p ledger.Post) string {
	if parts := strings.Split(p.Hash, "."); len(parts) == 4 {
		return parts[3]
	}
	return ""
}

// resigned are the jobs of messages that stand for an open case and whose buttons are
// signed with another key than that of the token in force, or are not there since Slack
// refused them: nobody could answer by them. Their receipts say so, whoever posted them.
func (s *Slack) resigned(owed chat.Owed, jobs []job) []job {
	set := s.Settings()
	if owed.About == nil || set.BotToken == nil || !slices.ContainsFunc(owed.Posts, ofCase) {
		return nil
	}
	token, err := set.BotToken()
	if err != nil || token == "" {
		return nil
	}
	sign, err := newSigner(token, s.ClusterID())
	if err != nil {
		return nil
	}
	var out []job
	for _, p := range owed.Posts {
		if !ofCase(p) || signedWith(p) == sign.id && !isSpelled(p) || slices.ContainsFunc(jobs, func(j job) bool { return j.key == p.Key }) {
			continue
		}
		if m, ok := owed.About(p.Case); ok && m.Case != nil && m.Case.Open() {
			out = append(out, job{key: p.Key, m: m, oldest: owed.Now})
		}
	}
	return out
}

// ofCase reports whether a receipt is of a case's own message.
func ofCase(p ledger.Post) bool {
	return p.Case != 0 && p.ID != "" && p.Key == caseKey(p.Case) && !strings.HasPrefix(p.Hash, digestMark)
}

// asksAnew reports whether a card asks something that the message of the receipt
// did not: an edit would call nobody.
func asksAnew(k chat.Card, c *ledger.Case, p ledger.Post) bool {
	if k.State != chat.CardQuestion && k.State != chat.CardAnnounced {
		return false
	}
	parts := strings.SplitN(p.Hash, ".", 3)
	return len(parts) < 3 || parts[0] != string(k.State) || parts[1] != nonce(c)
}

// lastEvent is when the newest line of a case's timeline was written.
func lastEvent(c *ledger.Case) time.Time {
	if len(c.Events) == 0 {
		return c.OpenedAt
	}
	return c.Events[len(c.Events)-1].At
}

// channelOf is where a message goes.
func (s Settings) channelOf(m chat.Message) string {
	if m.Notice.Kind == ledger.NoticeSummary {
		return cmp.Or(s.Summary, s.Channel)
	}
	pool := m.Notice.Pool
	if m.Case != nil {
		pool = m.Case.Pool
	}
	return cmp.Or(s.Channels[pool], s.Channel)
}
