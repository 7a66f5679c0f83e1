package engine

// grave reports whether something serious goes on anywhere: common mode, a breaker
// that is open, or a query of block_when that fires, by the newest round. People
// are told without a joke then.
func (e *Engine) grave() bool {
	if e.Ledger.Grave() {
		return true
	}
	v := e.View()
	defer v.Release()
	if v.round == nil {
		return false
	}
	for _, b := range v.round.blocks {
		if f, known := b.Fired.Get(); known && f.Series > 0 {
			return true
		}
	}
	return false
}
