package export

import "fmt"

// PartialError is an export that ended early: the reader failed, the context
// was cancelled, the writer broke, or the export couldn't be recorded. What was
// written is not whole and, where the writer still worked, says so in its last
// row. It unwraps to the cause.
type PartialError struct {
	Rows int // rows that were read before it happened
	Err  error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("export: incomplete after %d rows: %v", e.Rows, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// LimitError is an export of more rows, more text or more columns than its format
// can hold. Nothing was written. Narrow the filter, set Options.MaxRows, choose
// fewer columns, or take another format. One of Rows, Bytes and Columns is set.
type LimitError struct {
	Format  string // Format.Name
	Rows    int    // the most that it holds
	Bytes   int64  // the most text that it holds
	Columns int    // that were asked for, and leave no room for text on Paper
	Paper   string
}

func (e *LimitError) Error() string { return "export: " + e.reason() }

func (e *LimitError) reason() string {
	if e.Columns > 0 {
		return fmt.Sprintf("%d columns are more than a %s page of %s paper holds", e.Columns, e.Format, e.Paper)
	}
	if e.Bytes > 0 {
		return fmt.Sprintf("the entries have more than %.1f MB of text, which is the most that a %s file holds here", float64(e.Bytes)/(1<<20), e.Format)
	}
	return fmt.Sprintf("more than %d rows match, which is the most that a %s file holds here", e.Rows, e.Format)
}

func (e *LimitError) advice() string {
	if e.Columns > 0 {
		return "; choose fewer columns or take another format"
	}
	return "; narrow the filter or take another format"
}
