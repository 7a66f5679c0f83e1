package slack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// news posts what is not told by the card of a case. It is never edited.
func (r *round) news(ctx context.Context, j job, post ledger.Post, posted bool) error {
	if posted {
		r.told(j, post, post.Hash, nil, false)
		return nil
	}
	if r.forAll(j.m.Notice) {
		return r.everywhere(ctx, j)
	}
	card := chat.CardOf(j.m, chat.CardOptions{Zone: r.set.Zone, Tone: r.set.Tone})
	card.Again = card.Again || r.doubtful(j.key)
	pool := j.m.Notice.Pool
	made := r.render(card, nil, "", links{})
	to := target{channel: r.set.channelOf(j.m)}
	at, err := r.put(ctx, j, to, made, func(string) rendered { return made }, "")
	if err != nil {
		return err
	}
	r.spend(pool)
	r.got.Seqs = append(r.got.Seqs, j.seqs...)
	if j.m.Notice.Kind == ledger.NoticeSummary {
		r.got.Posts = append(r.got.Posts, ledger.Post{Key: j.key, Place: at.channel, ID: at.ts, Link: r.x.permalink(at.channel, at.ts), Hash: made.hash()})
	}
	r.overflow(ctx, at, made.Full)
	return nil
}

// forAll reports whether a notice concerns everybody: a freeze, and its end. Holds
// and the like are of a pool.
func (r *round) forAll(n ledger.Notice) bool {
	return n.Kind == ledger.NoticeStop && n.Pool == "" && n.Case == 0 && len(r.set.everyChannel()) > 1
}

// everyChannel lists the channels in which people are told of pools.
func (s Settings) everyChannel() []string {
	out := []string{s.Channel}
	for _, c := range s.Channels {
		if c != "" {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// everywhere tells a notice in every channel, each with a receipt of its own, so
// that one that can't be written to yet has no other told twice. A channel that
// takes none at all holds nothing up: its people read another.
func (r *round) everywhere(ctx context.Context, j job) error {
	told, refused := 0, false
	var failed error
	all := r.set.everyChannel()
	for _, channel := range all {
		key := j.key + "/" + digest(channel)
		if _, ok := r.owed.Post(key); ok {
			told++
			continue
		}
		card := chat.CardOf(j.m, chat.CardOptions{Zone: r.set.Zone, Tone: r.set.Tone})
		card.Again = card.Again || r.doubtful(key)
		made := r.render(card, nil, "", links{})
		at, _, err := r.send(ctx, r.x, key, target{channel: channel}, made)
		switch {
		case errors.Is(err, errHeld) && channel != r.set.Channel && (!errors.Is(err, errTroubled) || r.hopeless(key, target{channel: channel})):
			told++ // its people read another
			continue
		case errors.Is(err, errHeld):
			refused = true
			continue
		case errors.Is(err, errLater):
			_ = r.later(target{channel: channel}, err)
			continue
		case err != nil:
			failed = errors.Join(failed, err)
			continue
		}
		told++
		r.got.Posts = append(r.got.Posts, receipt(ledger.Post{Key: key, Place: at.channel, ID: at.ts, Link: r.x.permalink(at.channel, at.ts), Hash: made.hash()}))
		r.overflow(ctx, at, made.Full)
	}
	switch {
	case told == len(all):
		r.own++
		r.got.Seqs = append(r.got.Seqs, j.seqs...)
	case failed == nil && refused:
		return errHeld
	case failed == nil:
		return errLater
	}
	return failed
}

// missed puts together what was over before Slack could be reached: one message
// a channel, said once. The jobs that are left are those of which something is
// still to be done.
func (r *round) missed(ctx context.Context, jobs []job) (left []job, failed error) {
	old := func(j job) bool {
		_, posted := r.owed.Post(j.key)
		over := j.m.Case == nil || !j.m.Case.Open() || !r.byCard(j)
		return !posted && over && !j.m.Notice.Page && j.m.Notice.Kind != ledger.NoticeSummary && len(j.seqs) > 0 && r.owed.Now.Sub(j.oldest) > behind
	}
	by := map[string][]job{}
	var channels []string
	for _, j := range jobs {
		if !old(j) {
			left = append(left, j)
			continue
		}
		ch := r.set.channelOf(j.m)
		if by[ch] == nil {
			channels = append(channels, ch)
		}
		by[ch] = append(by[ch], j)
	}
	for _, ch := range channels {
		all := by[ch]
		if len(all) == 1 {
			left = append(left, all[0]) // one is told as it is
			continue
		}
		slices.SortStableFunc(all, func(a, b job) int { return a.oldest.Compare(b.oldest) })
		switch err := r.alone(missedKey(all), func() error { return r.catchUp(ctx, ch, all) }); {
		case errors.Is(err, errHeld):
			for _, j := range all {
				r.giveUp(j, missedKey(all))
			}
		case !errors.Is(err, errLater):
			failed = errors.Join(failed, err)
		}
	}
	return left, failed
}

// byCard reports whether a job is told by the card of its case.
func (*round) byCard(j job) bool { return j.m.Case != nil && j.key == caseKey(j.m.Case.ID) }

// missedKey is the key of the message that tells jobs together.
func missedKey(all []job) string { return fmt.Sprintf("missed/%d", all[0].seqs[0]) }

// catchUp says once what happened while nobody could be told.
func (r *round) catchUp(ctx context.Context, channel string, all []job) error {
	first := all[0].oldest
	card := chat.Card{
		State: chat.CardNews, Title: fmt.Sprintf("While you could not see me: %d things, all over", len(all)),
		Text:  fmt.Sprintf("While you could not see me, since %s: %d things, all over", chat.When(first, r.owed.Now, r.set.Zone), len(all)),
		Again: all[0].m.Again,
	}
	// What happened to one subject more than once is told as it stands.
	at := map[string]int{}
	for _, j := range all {
		line := chat.CardOf(j.m, chat.CardOptions{Zone: r.set.Zone, Tone: chat.TonePlain}).Text
		text := chat.When(j.m.Notice.At, r.owed.Now, r.set.Zone) + "  " + line
		topic := string(j.m.Notice.Kind) + string(j.m.Notice.Pool)
		if j.m.Case != nil {
			topic = j.m.Case.ID.String() + topic
		}
		if i, ok := at[topic]; ok {
			card.Lead[i] = text
			continue
		}
		at[topic] = len(card.Lead)
		card.Lead = append(card.Lead, text)
	}
	card.Foot = []string{"only how each ended: see `warden cases`"}
	j := job{key: missedKey(all), m: all[0].m}
	for _, one := range all {
		j.seqs = append(j.seqs, one.seqs...)
	}
	card.Again = card.Again || r.doubtful(j.key)
	made := render(card, nil, "", links{})
	to, err := r.put(ctx, j, target{channel: channel}, made, func(string) rendered { return made }, "")
	if err != nil {
		return err
	}
	r.got.Seqs = append(r.got.Seqs, j.seqs...)
	r.overflow(ctx, to, made.Full)
	return nil
}

// overBudget reports whether a pool has had its messages of the hour.
func (r *round) overBudget(pool remedy.PoolName) bool {
	if r.set.Budget <= 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ago := r.owed.Now.Add(-time.Hour)
	r.spent[pool] = slices.DeleteFunc(r.spent[pool], func(t time.Time) bool { return !t.After(ago) })
	return len(r.spent[pool]) >= r.set.Budget
}

func (r *round) spend(pool remedy.PoolName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent[pool] = append(r.spent[pool], r.owed.Now)
}

// digestKey is the key of the message that the rest of an hour shares.
func digestKey(pool remedy.PoolName, now time.Time) string {
	return "digest/" + digest(string(pool)) + "/" + now.UTC().Format("2006010215")
}

// inDigest reports whether a case's message is one that it shares.
func (r *round) inDigest(p ledger.Post) bool { return strings.HasPrefix(p.Hash, digestMark) }

const (
	digestMark = "digest "
	digestMost = 20
)

// digest has a case told in the message that the rest of the hour shares.
func (r *round) digest(j job, post ledger.Post) {
	key := digestKey(j.m.Case.Pool, r.owed.Now)
	if r.inDigest(post) { // it stays where it is told
		key = strings.TrimPrefix(post.Hash, digestMark)
	}
	if r.shared == nil {
		r.shared = map[string][]job{}
	}
	r.shared[key] = append(r.shared[key], j)
}

// digests brings the shared messages up to date, each with one edit.
func (r *round) digests(ctx context.Context) error {
	var failed error
	for _, key := range slices.Sorted(maps.Keys(r.shared)) {
		switch err := r.alone(key, func() error { return r.share(ctx, key, r.shared[key]) }); {
		case errors.Is(err, errHeld):
			for _, j := range r.shared[key] {
				r.giveUp(j, key)
			}
		case !errors.Is(err, errLater):
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// share edits one of them: it has a line for each case that is told there, the
// newest first.
func (r *round) share(ctx context.Context, key string, jobs []job) error {
	in := map[remedy.CaseID]chat.Message{}
	for _, p := range r.owed.Posts {
		if p.Hash == digestMark+key && r.owed.About != nil {
			if m, ok := r.owed.About(p.Case); ok {
				in[p.Case] = m
			}
		}
	}
	for _, j := range jobs {
		in[j.m.Case.ID] = j.m
	}
	ids := slices.Sorted(maps.Keys(in))
	slices.Reverse(ids)
	pool := in[ids[0]].Case.Pool
	var lines []string
	for i, id := range ids {
		if i == digestMost {
			lines = append(lines, fmt.Sprintf("and %d more: `warden cases --pool %s`", len(ids)-i, pool))
			break
		}
		lines = append(lines, chat.CardOf(in[id], chat.CardOptions{Zone: r.set.Zone, Tone: chat.TonePlain}).Text)
	}
	say := fmt.Sprintf("%d more in pool %s this hour, told together", len(ids), pool)
	budget := fmt.Sprintf("more than %d messages an hour: see budget_per_hour", r.set.Budget)
	if r.set.Budget == 1 {
		budget = "more than one message an hour: see budget_per_hour"
	}
	card := chat.Card{State: chat.CardNews, Title: say, Text: say, Lead: lines, Foot: []string{budget}}
	all := links{Cut: "warden cases has all of it"}
	made := render(card, nil, "", all)
	mark := made.hash()
	shared, there := r.owed.Post(key)
	to := target{channel: r.set.channelOf(jobs[0].m)}
	if there {
		to = target{channel: shared.Place, ts: shared.ID}
	} else if r.doubtful(key) {
		card.Again = true
		made = render(card, nil, "", all)
	}
	if !there || shared.Hash != mark {
		at, err := r.put(ctx, job{key: key, m: jobs[0].m, seqs: jobs[0].seqs}, to, made, func(string) rendered { return made }, "")
		if err != nil {
			return err
		}
		shared = ledger.Post{Key: key, Place: at.channel, ID: at.ts, Link: r.x.permalink(at.channel, at.ts), Hash: mark}
		r.got.Posts = append(r.got.Posts, shared)
	}
	for _, j := range jobs {
		r.got.Seqs = append(r.got.Seqs, j.seqs...)
		r.got.Posts = append(r.got.Posts, ledger.Post{Key: j.key, Case: j.m.Case.ID, Place: shared.Place, ID: shared.ID, Link: shared.Link, Hash: digestMark + key, Of: shows(j.m)})
	}
	return nil
}
