package chaos

// checkOverlap reads the log from its beginning: at no index does a host have
// two executions, and nobody but a person, whose entry it is, has a host put
// back. STARTs that the ledger refused are in the log too; they have no
// execution.
func checkOverlap(h *History, starts map[Token]start) []Finding {
	var findings []Finding
	type place struct{ pool, host string }
	running := map[place]start{}
	at := map[string]place{}
	for _, c := range h.Cases {
		at[c.ID] = place{c.Pool, c.Host}
	}
	for _, e := range h.Log {
		for _, op := range e.Ops {
			switch op.Kind {
			case "exec.start":
				x, ok := starts[Token{Term: e.Term, Index: e.Index}]
				if !ok {
					continue
				}
				p := place{x.c.Pool, x.c.Host}
				if other, busy := running[p]; busy {
					findings = append(findings, found(Doubled, "entry %d starts %s on %s while execution %d.%d of %s is not over",
						e.Index, x.c.ID, p.host, other.Token.Term, other.Token.Index, other.c.ID))
				}
				running[p] = x
				if x.Kind == "undo" && !e.Person {
					findings = append(findings, found(Unstarted, "entry %d puts %s back, and no person asked for it", e.Index, p.host))
				}
			case "exec.finish":
				delete(running, at[op.Case])
			}
		}
	}
	return findings
}
