package source

import "warden/internal/remedy"

// onTable lays out the answer to q on the rows of a table, if that has exactly
// the answer's series, or else on a table of its own.
func (d *rendered) onTable(q remedy.Query, id identity, on *Table) (Columns, error) {
	rows, ok := d.rowsOn(id, on)
	table, distinct := on, true
	if !ok {
		table, distinct = d.table(id)
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	grid, cols, err := d.columns(q, rows)
	if err != nil {
		return Columns{}, err
	}
	grid.full = grid.full && distinct
	return Columns{Table: table, Cols: cols, grid: grid}, nil
}

// rowsOn says in which row of a table each series is; false if it has others,
// or not all of them.
func (d *rendered) rowsOn(id identity, on *Table) ([]int32, bool) {
	rows := make([]int32, len(d.series))
	if on == nil || on.Len() != len(rows) {
		return rows, false
	}
	var taken []bool // rows, once one is not where it was
	for i := range d.series {
		rows[i] = int32(i)
		if taken == nil && on.keys.Name(int32(i)) == d.series[i].target {
			continue
		}
		if taken == nil {
			taken = make([]bool, len(rows))
			for k := range i {
				taken[k] = true
			}
		}
		row, ok := on.find(id.of([]byte(d.series[i].target)))
		if !ok || taken[row] {
			return rows, false
		}
		rows[i], taken[row] = row, true
	}
	return rows, true
}

// table makes the table of an answer, in its order, and reports whether all
// names in it are distinct. The names alone identify the series of Graphite, so
// that of several with one name nobody can say which is which.
func (d *rendered) table(id identity) (t *Table, distinct bool) {
	t = &Table{keys: remedy.NewKeys(d.names()), ids: make([]rowID, len(d.series))}
	for i := range d.series {
		t.ids[i] = id.of([]byte(d.series[i].target))
	}
	for i, known := range t.ids {
		if first, _ := t.find(known); int(first) != i {
			return t, false
		}
	}
	return t, true
}
