package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// Write writes every entry that q selects to w, in q's order and from its
// cursor on, as a file of format f. q.Limit is not looked at; Options.MaxRows
// limits a file. nil options mean every default.
//
// CSV and JSON Lines are streamed in constant memory. The rows come from one
// Reader.All, and are one snapshot where that is. Who exports is the context's
// actor (audit.WithActor).
//
// Errors: *audit.QueryError for a query that can't be meant, before anything is
// written; *LimitError where the format can't hold so much; *PartialError,
// with the cause inside it, for everything that happens on the way: the file is
// not whole then, and its last row says so where w still takes it. Cancelling
// the context ends the export at the next row. Write doesn't close w.
func Write(ctx context.Context, w io.Writer, f Format, from audit.Reader, q audit.Query, opts *Options) error {
	if f == nil || from == nil || w == nil {
		return errors.New("export: Write needs a writer, a format and a reader")
	}
	o, err := opts.withDefaults()
	if err != nil {
		return err
	}
	if q, err = validate(q); err != nil {
		return err
	}
	out := newTail(w, o.Record != nil)
	err = write(ctx, out, f, newTable(ctx, from, q, o), o.Record)
	if err == nil || isPartial(err) {
		if flushErr := out.flush(); flushErr != nil && err == nil {
			err = &PartialError{Rows: out.rows, Err: flushErr}
		}
	}
	return err
}

func isPartial(err error) bool {
	var partial *PartialError
	return errors.As(err, &partial)
}

// validate checks all of q but its limit, which an export has no use for.
func validate(q audit.Query) (audit.Query, error) {
	q.Limit = 0
	return q.Validate()
}

// write leaves the file's last bytes in out, for the caller to flush: on an
// error too, unless it couldn't be recorded.
func write(ctx context.Context, out *tail, f Format, t *Table, record Recorder) error {
	err := ctx.Err()
	if err == nil {
		err = f.Write(out, t)
	}
	t.failed = t.failed || err != nil
	out.rows = t.rows
	if recordErr := recordExport(ctx, record, f, t, out, err); recordErr != nil && err == nil {
		out.buf = out.buf[:0]
		err = fmt.Errorf("export: recording it: %w", recordErr)
	}
	var limit *LimitError
	if err == nil || errors.As(err, &limit) {
		return err
	}
	return &PartialError{Rows: t.rows, Err: err}
}

// recordExport puts the export on the trail, also one that failed: whoever
// tried may have got most of it.
func recordExport(ctx context.Context, record Recorder, f Format, t *Table, out *tail, failure error) error {
	if record == nil {
		return nil
	}
	e := exportEntry(f, t.Title, t.query, t.reads)
	e.Metadata["rows"], e.Metadata["truncated"], e.Metadata["bytes"], e.Metadata["sha256"] = t.rows, t.truncated, out.size, hex.EncodeToString(out.sum.Sum(nil))
	if failure != nil {
		e.Outcome, e.Error = audit.Failure, failure.Error()
		ctx = context.WithoutCancel(ctx)
	}
	return record.Record(ctx, e)
}

// exportEntry is an entry about an export, of what reads selects.
func exportEntry(f Format, title string, q audit.Query, reads audit.Filter) audit.Entry {
	return access.Recorded(audit.Entry{
		Action: "export", Outcome: audit.Success,
		Object:   audit.Object{Type: "audit_trail", Name: title},
		Metadata: map[string]any{"format": f.Name(), "sort": string(q.Sort)},
	}, reads, "filter", q.Values().Encode())
}

// tail is a writer that keeps the last bytes back until flush, so that a file
// is whole only once its export is known to have worked.
type tail struct {
	w    io.Writer
	buf  []byte
	sum  hash.Hash // nil where nobody asks
	size int64
	rows int
}

const (
	tailBuffer = 64 << 10
	tailKept   = 4 << 10
)

func newTail(w io.Writer, sum bool) *tail {
	t := &tail{w: w, buf: make([]byte, 0, tailBuffer)}
	if sum {
		t.sum = sha256.New()
	}
	return t
}

func (t *tail) Write(p []byte) (int, error) {
	if t.sum != nil {
		t.sum.Write(p)
	}
	t.size += int64(len(p))
	if len(t.buf)+len(p) <= cap(t.buf) {
		t.buf = append(t.buf, p...)
		return len(p), nil
	}
	if err := t.flush(); err != nil {
		return 0, err
	}
	through := max(0, len(p)-tailKept)
	if through > 0 {
		if n, err := t.w.Write(p[:through]); err != nil {
			return n, err
		}
	}
	t.buf = append(t.buf, p[through:]...)
	return len(p), nil
}

func (t *tail) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}
