package hooks

import "database/sql"

// recordSets reads all rows of a text: several statements may return several
// results.
func recordSets(rows *sql.Rows) (*tape, error) {
	defer func() { _ = rows.Close() }()
	recordSet := func() (*tape, error) {
		cols, err := columnsIn(rows)
		if err != nil {
			return nil, err
		}
		return recordFrom(rows, cols, 0, func([]any) {})
	}
	first, err := recordSet()
	if err != nil {
		return nil, err
	}
	for last := first; rows.NextResultSet(); last = last.more {
		if last.more, err = recordSet(); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return first, rows.Close()
}
