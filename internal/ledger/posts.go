package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
)

// Surface is a place where people are told.
type Surface string

// The surfaces.
const (
	SurfaceConsole     Surface = "console"
	SurfaceSlack       Surface = "slack"
	SurfacePagerDuty   Surface = "pagerduty"
	SurfaceAnnotations Surface = "annotations"
	SurfaceWebhook     Surface = "webhook"
)

// Post is the receipt of what was posted on a surface, so that the next leader
// can edit it. It holds no text: what it says follows from the ledger.
type Post struct {
	Surface Surface `json:"surface"`
	// Key says what it is about, such as "case/W-1042" or "summary/2026-11-20". It is
	// unique on its surface, and at most 200 bytes long.
	Key string `json:"key"`
	// Case is the case it is about; 0 for none. It goes when the case goes.
	Case remedy.CaseID `json:"case,omitempty"`
	// Place is where it was posted, such as a channel's id; ID is what the surface
	// calls it, such as Slack's ts; Link leads there.
	Place string `json:"place,omitempty"`
	ID    string `json:"id,omitempty"`
	Link  string `json:"link,omitempty"`
	// Hash is of what it says, so that nothing is edited that says the same.
	Hash string `json:"hash,omitempty"`
	// Of is how far it shows its case: the instant of the newest change of what it says.
	// Zero where it doesn't stand for the whole case, such as a thread.
	Of time.Time `json:"of,omitzero"`
	// Seq is the newest notice that it covers.
	Seq uint64 `json:"seq,omitempty"`
	// At is when its receipt was committed.
	At time.Time `json:"at"`
	// Gone says that it is no longer there, and its record is dropped.
	Gone bool `json:"gone,omitempty"`
}

// The bounds of posts. Those of cases go with their case; of all others each
// surface keeps its newest, so that none is forgotten for what another says.
const (
	maxPosts    = 1000
	maxPostText = 500
)

func byPost(a, b Post) int {
	return cmp.Or(cmp.Compare(a.Surface, b.Surface), cmp.Compare(a.Key, b.Key))
}

// Post finds what was posted on a surface under a key.
func (l *Ledger) Post(s Surface, key string) (Post, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, ok := slices.BinarySearchFunc(l.m.posts, Post{Surface: s, Key: key}, byPost)
	if !ok {
		return Post{}, false
	}
	return l.m.posts[i], true
}

// Posts lists what was posted on a surface, by key.
func (l *Ledger) Posts(s Surface) []Post {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []Post
	for _, p := range l.m.posts {
		if p.Surface == s {
			out = append(out, p)
		}
	}
	return out
}

// NoticeDelivered says what one surface has told, and what it posted.
type NoticeDelivered struct {
	Surface Surface  `json:"surface"`
	Seqs    []uint64 `json:"seqs,omitempty"`
	Posts   []Post   `json:"posts,omitempty"`
}

func (*NoticeDelivered) kind() string { return "notice.delivered" }
func (*NoticeDelivered) since() int   { return 3 }

func (b *NoticeDelivered) apply(m *machine, x step) Result {
	switch {
	case x.by.Person:
		return refuse(RefusedBad, "only warden says what it told")
	case b.Surface == "":
		return refuse(RefusedBad, "it names no surface")
	}
	for _, p := range b.Posts {
		if p.Key == "" || max(len(p.Key), len(p.Place), len(p.ID), len(p.Hash)) > 200 || len(p.Link) > maxPostText {
			return refuse(RefusedBad, "a receipt has no key, or is too long")
		}
	}
	seqs := slices.Sorted(slices.Values(b.Seqs))
	m.told(b.Surface, func(n Notice) bool { _, ok := slices.BinarySearch(seqs, n.Seq); return ok }, x)
	for _, p := range b.Posts {
		p.Surface, p.At = b.Surface, x.at
		m.post(p)
	}
	m.boundPosts(b.Surface)
	return done(0)
}

// post stores a receipt in the place of the one with its key. One of a case that
// is not there, which was forgotten meanwhile, is dropped.
func (m *machine) post(p Post) {
	i, ok := slices.BinarySearchFunc(m.posts, p, byPost)
	gone := p.Gone || p.Case != 0 && m.find(p.Case) == nil
	p.Gone = false
	switch {
	case ok && gone:
		m.posts = slices.Delete(slices.Clone(m.posts), i, i+1)
	case gone:
	case ok:
		m.posts = slices.Clone(m.posts)
		m.posts[i] = p
	default:
		m.posts = slices.Insert(slices.Clone(m.posts), i, p)
	}
}

// boundPosts drops a surface's oldest of those that belong to no case.
func (m *machine) boundPosts(s Surface) {
	bounded := func(p Post) bool { return p.Case == 0 && p.Surface == s }
	free := 0
	for i := range m.posts {
		if bounded(m.posts[i]) {
			free++
		}
	}
	for ; free > maxPosts; free-- {
		oldest := -1
		for i, p := range m.posts {
			if bounded(p) && (oldest < 0 || p.At.Before(m.posts[oldest].At)) {
				oldest = i
			}
		}
		m.posts = slices.Delete(slices.Clone(m.posts), oldest, oldest+1)
	}
}

// forgetPosts drops the receipts of cases that are forgotten.
func (m *machine) forgetPosts() {
	m.posts = slices.DeleteFunc(slices.Clone(m.posts), func(p Post) bool { return p.Case != 0 && m.find(p.Case) == nil })
}

// mergePosts is every receipt of either; of two of one key, the newer.
func mergePosts(a, b []Post) []Post {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y Post) int { return cmp.Or(byPost(x, y), y.At.Compare(x.At)) })
	return slices.CompactFunc(all, func(x, y Post) bool { return byPost(x, y) == 0 })
}
