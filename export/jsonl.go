package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gormtrail/audit"
)

// JSONLinesFormat writes an entry a line in its stable, versioned JSON form
// (audit.Entry.MarshalJSON), which entry.schema.json beside this file describes
// as a JSON Schema. Nothing is lost: ReadJSONLines reads back equal entries.
// Columns, labels and time zone have no part in it; times are UTC.
//
// A file that was cut or failed ends with a line {"notice": "truncated"} or
// {"notice": "failed"}, which has no "v", so that no reader takes it for an
// entry.
type JSONLinesFormat struct{}

// What a JSON Lines file that is not whole says, found with errors.Is in the
// *PartialError of ReadJSONLines.
var (
	ErrTruncated = errors.New("export: the file was cut at a number of rows; more entries matched")
	ErrFailed    = errors.New("export: the file is incomplete, because its export failed")
)

// noticeForm is the last line of a file that is not whole.
type noticeForm struct {
	Notice string `json:"notice"` // "truncated", "failed"
	Rows   int    `json:"rows"`   // entries before it
	Text   string `json:"text"`
}

const (
	noticeTruncated = "truncated"
	noticeFailed    = "failed"
)

// Name is "jsonl".
func (JSONLinesFormat) Name() string { return "jsonl" }

// MediaType is the one that JSON Lines and NDJSON have in use.
func (JSONLinesFormat) MediaType() string { return "application/x-ndjson" }

// Write implements Format.
func (JSONLinesFormat) Write(w io.Writer, t *Table) error {
	var failed error
	for e, err := range t.Rows() {
		if err != nil {
			failed = err
			break
		}
		line, err := e.MarshalJSON()
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := jsonNotice(w, t); err != nil && failed == nil {
		return err
	}
	return failed
}

func jsonNotice(w io.Writer, t *Table) error {
	text := t.Notice()
	if text == "" {
		return nil
	}
	kind := noticeFailed
	if t.Truncated() {
		kind = noticeTruncated
	}
	return json.NewEncoder(w).Encode(noticeForm{kind, t.Count(), text})
}

// ReadJSONLines reads what JSONLines wrote, this version's or an earlier one's,
// one entry at a time. A file that says that it is not whole ends with a
// *PartialError of ErrTruncated or ErrFailed; one whose last line breaks off,
// with io.ErrUnexpectedEOF. Any error ends the sequence.
func ReadJSONLines(r io.Reader) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		lines := bufio.NewReaderSize(r, tailBuffer)
		for n := 1; ; n++ {
			line, err := lines.ReadBytes('\n')
			if err == io.EOF && len(line) == 0 {
				return
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			var e audit.Entry
			if err == nil {
				e, err = parseLine(line)
			}
			if err != nil {
				yield(audit.Entry{}, fmt.Errorf("export: line %d: %w", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func parseLine(line []byte) (audit.Entry, error) {
	var e audit.Entry
	if bytes.HasPrefix(line, []byte(`{"notice"`)) {
		return e, parseNotice(line)
	}
	err := json.Unmarshal(line, &e)
	return e, err
}

func parseNotice(line []byte) error {
	var n noticeForm
	if err := json.Unmarshal(line, &n); err != nil {
		return err
	}
	if n.Notice == noticeTruncated {
		return &PartialError{Rows: n.Rows, Err: ErrTruncated}
	}
	return &PartialError{Rows: n.Rows, Err: ErrFailed}
}
