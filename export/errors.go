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

// LimitError is an export of more rows than its format can hold. Nothing was
// written. Narrow the filter, set Options.MaxRows, or take another format.
type LimitError struct {
	Format string // Format.Name
	Rows   int    // the most that it holds
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("export: more than %d rows match, which is the most that a %s file holds here", e.Rows, e.Format)
}
