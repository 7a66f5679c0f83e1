package engine

// grave reports whether something serious goes on anywhere: common mode, a breaker
// that is open, or a query of block_when that fires, by the newest round. What such
// a query says and can't be told is taken for serious, as the guardrail takes it,
// and so is all before the first round that asked. People are told without a joke
// then.
func (e *Engine) grave() bool {
	if e.Ledger.Grave() {
		return true
	}
	v := e.View()
	defer v.Release()
	all, known := v.round.blocking(e.Config()).Get()
	if !known {
		return true
	}
	for _, b := range all {
		if f, known := b.Fired.Get(); !known || f.Series != 0 {
			return true
		}
	}
	return false
}
