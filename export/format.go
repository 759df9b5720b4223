package export

import "io"

// Format turns a table into a file. A host can add its own: implement it, hand
// it to Write, or offer it through Options.Formats. Implementations are safe
// for concurrent use.
type Format interface {
	// Name is what a query string calls the format, and the extension of its
	// files: "csv".
	Name() string
	// MediaType is what Content-Type says.
	MediaType() string
	// Write writes the whole file, and ranges over t.Rows once. If that yields
	// an error, or t.Notice is not "" when it ends, Write makes the file say so
	// as well as the format can, and returns the error. The bytes that it
	// writes are buffered for it.
	Write(w io.Writer, t *Table) error
}

// The ready formats, with their defaults. Their types have options.
var (
	CSV       Format = CSVFormat{}
	Excel     Format = ExcelFormat{}
	PDF       Format = PDFFormat{}
	JSONLines Format = JSONLinesFormat{}
)

// readyFormats is what a handler offers by default, the first one where the
// request names none.
func readyFormats() []Format { return []Format{CSV, Excel, PDF, JSONLines} }
