//go:build !oldcommands

package ledger

// Version is the newest entry version this build writes and understands. An
// entry with a higher version stops the process.
const Version = 3

// newBodySince2 returns an empty body of a kind that came with version 2 or
// later, or nil for any other.
func newBodySince2(kind string) Body {
	switch kind {
	case (*NodeWaive)(nil).kind():
		return new(NodeWaive)
	case (*NodeUnwaive)(nil).kind():
		return new(NodeUnwaive)
	}
	return newBodySince3(kind)
}

// newBodySince3 returns an empty body of a kind that came with version 3, or nil
// for any other.
func newBodySince3(kind string) Body {
	switch kind {
	case (*TrustReport)(nil).kind():
		return new(TrustReport)
	case (*CaseSnooze)(nil).kind():
		return new(CaseSnooze)
	case (*CaseReconsider)(nil).kind():
		return new(CaseReconsider)
	case (*BreakerTrip)(nil).kind():
		return new(BreakerTrip)
	case (*BreakerReset)(nil).kind():
		return new(BreakerReset)
	case (*TrustJudge)(nil).kind():
		return new(TrustJudge)
	case (*TrustDemote)(nil).kind():
		return new(TrustDemote)
	case (*TrustReview)(nil).kind():
		return new(TrustReview)
	case (*CaseLabel)(nil).kind():
		return new(CaseLabel)
	case (*CaseStayed)(nil).kind():
		return new(CaseStayed)
	case (*SurfacesSet)(nil).kind():
		return new(SurfacesSet)
	case (*NoticeDelivered)(nil).kind():
		return new(NoticeDelivered)
	case (*SummaryDue)(nil).kind():
		return new(SummaryDue)
	case (*SummarySend)(nil).kind():
		return new(SummarySend)
	case (*TenureBegin)(nil).kind():
		return new(TenureBegin)
	case (*ClicksRefused)(nil).kind():
		return new(ClicksRefused)
	}
	return nil
}
