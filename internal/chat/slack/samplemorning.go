package slack

import (
	"time"

	"warden/internal/chat"
	"warden/internal/remedy"
)

// SampleMorning is a morning summary with something in each of its parts.
func SampleMorning() *chat.Morning {
	item := func(id uint64, host, text, stress string, at time.Time, offers ...chat.MorningOffer) chat.MorningItem {
		return chat.MorningItem{Case: remedy.CaseID(id), Pool: "edge", Host: host, Action: "drain", At: at, Text: text, Stress: stress, Offers: offers}
	}
	offer := func(v chat.MorningVerb, label, command string) chat.MorningOffer {
		return chat.MorningOffer{Verb: v, Label: label, Command: command}
	}
	return &chat.Morning{
		Date: "2026-11-20", From: sampleTime(9, 30, 0).AddDate(0, 0, -1), To: sampleTime(9, 30, 0), Zone: "UTC",
		Title: chat.MorningGreeting + " Did 1, wanted 1, 1 for you to answer, 1 still out.",
		Parts: []chat.MorningPart{
			{Name: chat.MorningDid, Title: "Did", Count: 1, Items: []chat.MorningItem{
				item(12, "web-04", "drained web-04 by itself, verified; 9 of 10 left. Nobody paged", "", sampleTime(3, 12, 0), offer(chat.OfferPutBack, "Put web-04 back", "warden undo W-12")),
			}},
			{Name: chat.MorningWanted, Title: "Wanted to, not allowed", Count: 1, Items: []chat.MorningItem{
				item(14, "web-09", "would have drained web-09", "still bad", sampleTime(5, 10, 0), offer(chat.OfferRight, "Good call", "warden label W-14 right"), offer(chat.OfferWrong, "False alarm", "warden label W-14 wrong")),
			}},
			{Name: chat.MorningWaiting, Title: "Waiting for you", Count: 1, Items: []chat.MorningItem{
				item(3, "web-07", "drain web-07", "nobody answered by 05:35", sampleTime(5, 15, 0), offer(chat.OfferRun, "Drain web-07", "warden run drain web-07 --pool edge --reason TEXT")),
			}},
			{Name: chat.MorningStillOut, Title: "Still out because of me", Count: 1, Items: []chat.MorningItem{
				item(12, "web-04", "web-04 for 6h", "nobody has looked", time.Time{}, offer(chat.OfferPutBack, "Put web-04 back", "warden undo W-12"), offer(chat.OfferOnIt, "I'm on it", "")),
			}},
			{Name: chat.MorningTrust, Title: "Trust", Items: []chat.MorningItem{{Text: "drain on edge: 57 of 58 right, at least 90.9%: `warden promote drain --pool edge`"}}},
			{Name: chat.MorningSelf, Title: "Me", Items: []chat.MorningItem{{At: sampleTime(2, 10, 0), Text: "1 failover, 4s"}, {Text: "3 of 3 nodes, config same everywhere"}}},
		},
		Chart: &chat.MorningChart{
			Title: "Acts and wishes, 3 days", Days: []string{"2026-11-18", "2026-11-19", "2026-11-20"},
			Series: []chat.MorningSeries{{Name: "would have acted", Values: []int{0, 2, 1}}, {Name: "acted", Values: []int{1, 0, 1}}},
		},
	}
}
