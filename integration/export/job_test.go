package export_test

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/go-fonts/dejavu/dejavusanscondensed"
	"codeberg.org/go-fonts/dejavu/dejavusanscondensedbold"
	"codeberg.org/go-pdf/fpdf"
	"github.com/xuri/excelize/v2"
	"gorm.io/driver/postgres"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// A job is one export in a process of its own, so that its memory and its
// processor time are its own too. The test's binary runs it when AUDIT_JOB names
// it.

func TestMain(m *testing.M) {
	if name := os.Getenv("AUDIT_JOB"); name != "" {
		if err := runJob(name, os.Getenv("AUDIT_JOB_DB"), os.Getenv("AUDIT_JOB_FILE")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(peak())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// peak is the most memory that the process had resident, in kilobytes; 0 where
// the system has no /proc. The resource usage that a parent is told won't do: it
// begins with the parent's own.
func peak() int {
	raw, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return n
}

type job func(ctx context.Context, w io.Writer, trail audit.Reader, pool *sql.DB) error

// ours is what a host calls.
func ours(f export.Format) job {
	return func(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
		columns, err := export.Columns("time", "type", "record", "action", "changes", "user", "ip") // those of the files made by hand
		if err != nil {
			return err
		}
		return export.Write(ctx, w, f, trail, audit.Query{}, &export.Options{Columns: columns})
	}
}

// jobs: ours, and beside each the shortest program that one would write by hand
// over the same rows with the same library. CSV ends its records as encoding/csv
// does, so that its file and handLoop's are the same.
var jobs = map[string]job{
	"csv": ours(export.CSVFormat{LF: true}), "hand-csv": handCSV, "hand-loop": handLoop, "hand-raw": handRaw,
	"jsonl": ours(export.JSONLines), "hand-jsonl": handJSONLines,
	"xlsx": ours(export.Excel), "hand-xlsx": handExcel,
	"pdf": ours(export.PDFFormat{MaxRows: -1}), "hand-pdf": handPDF, "hand-bare-pdf": handBarePDF,
}

func runJob(name, db, path string) error {
	trail, pool, err := openJob(db)
	if err != nil {
		return err
	}
	if pool != nil {
		defer pool.Close()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := jobs[name](context.Background(), f, trail, pool); err != nil {
		return err
	}
	return f.Close()
}

func openJob(db string) (audit.Reader, *sql.DB, error) {
	if rows, ok := strings.CutPrefix(db, "generated:"); ok {
		n, err := strconv.Atoi(rows)
		return generated{rows: n}, nil, err
	}
	dialector := openSQLite(db)
	if strings.HasPrefix(db, "postgres") {
		dialector = postgres.Open(db)
	}
	return openTrail(dialector)
}

// generated is a trail of sample entries without a database.
type generated struct {
	audit.Reader
	rows int
}

func (g generated) All(context.Context, audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for n := range g.rows {
			if !yield(sample(n), nil) {
				return
			}
		}
	}
}

var headers = []string{"Timestamp", "Object type", "ID", "Action", "Changes", "Performed by", "IP address"}

func changesText(e audit.Entry) string {
	lines := make([]string, len(e.Changes))
	for i, c := range e.Changes {
		lines[i] = fmt.Sprintf("%s: %v → %v", c.Field, c.Old, c.New)
	}
	return strings.Join(lines, "\n")
}

func handRow(e audit.Entry) []string {
	return []string{e.Time.Format(time.RFC3339Nano), e.Object.Type, e.Object.ID, e.Action, changesText(e), e.Actor.User(), e.Request.IP}
}

func handCSV(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
	out := csv.NewWriter(w)
	if err := out.Write(headers); err != nil {
		return err
	}
	for e, err := range trail.All(ctx, audit.Query{}) {
		if err != nil {
			return err
		}
		if err := out.Write(handRow(e)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

const handColumns = "time, object_type, object_id, action, changes, actor_user, ip"

const handOrder = " FROM audit_entries ORDER BY time DESC, id DESC"

// handLoop is the shortest program that makes the same file, byte for byte, of
// the table: it knows its columns, and reads no others.
func handLoop(ctx context.Context, w io.Writer, _ audit.Reader, pool *sql.DB) error {
	rows, err := pool.QueryContext(ctx, "SELECT "+handColumns+handOrder)
	if err != nil {
		return err
	}
	defer rows.Close()
	out := csv.NewWriter(w)
	if err := out.Write(headers); err != nil {
		return err
	}
	record := make([]string, 7)
	var at any
	var raw []byte
	for rows.Next() {
		if err := rows.Scan(&at, &record[1], &record[2], &record[3], &raw, &record[5], &record[6]); err != nil {
			return err
		}
		if micros, ok := at.(int64); ok { // SQLite
			at = time.UnixMicro(micros)
		}
		record[0] = at.(time.Time).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
		var changes []struct {
			Field    string
			Old, New any
		}
		if err := json.Unmarshal(raw, &changes); err != nil {
			return err
		}
		lines := make([]string, len(changes))
		for i, c := range changes {
			lines[i] = c.Field + ": " + handValue(c.Old) + " → " + handValue(c.New)
		}
		record[4] = strings.Join(lines, "\n")
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return cmp.Or(out.Error(), rows.Err())
}

func handValue(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// handRaw leaves times and changes as they are stored.
func handRaw(ctx context.Context, w io.Writer, _ audit.Reader, pool *sql.DB) error {
	rows, err := pool.QueryContext(ctx, "SELECT "+handColumns+handOrder)
	if err != nil {
		return err
	}
	defer rows.Close()
	out := csv.NewWriter(w)
	record := make([]string, 7)
	for rows.Next() {
		if err := rows.Scan(&record[0], &record[1], &record[2], &record[3], &record[4], &record[5], &record[6]); err != nil {
			return err
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return cmp.Or(out.Error(), rows.Err())
}

func handJSONLines(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
	buf := bufio.NewWriter(w)
	out := json.NewEncoder(buf)
	for e, err := range trail.All(ctx, audit.Query{}) {
		if err != nil {
			return err
		}
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return buf.Flush()
}

func handExcel(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
	f := excelize.NewFile()
	defer f.Close()
	out, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	n := 0
	for e, err := range trail.All(ctx, audit.Query{}) {
		if err != nil {
			return err
		}
		n++
		row := []any{e.Time, e.Object.Type, e.Object.ID, e.Action, changesText(e), e.Actor.User(), e.Request.IP}
		if err := out.SetRow("A"+strconv.Itoa(n), row); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

// handPDF makes the same pages as ours by fpdf's own functions: the same fonts,
// columns, wrapping, colours and pills, as short as it gets.
func handPDF(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
	p := handPages{fpdf.New("L", "mm", "A4", "")}
	p.AddUTF8FontFromBytes("dejavu", "", dejavusanscondensed.TTF)
	p.AddUTF8FontFromBytes("dejavu", "B", dejavusanscondensedbold.TTF)
	p.SetAutoPageBreak(false, 0)
	p.SetMargins(12, 12, 12)
	p.SetCellMargin(0)
	p.SetDrawColor(203, 213, 225)
	p.SetLineWidth(0.15)
	p.page()
	for e, err := range trail.All(ctx, audit.Query{}) {
		if err != nil {
			return err
		}
		p.row(e)
	}
	return p.Output(w)
}

type handPages struct{ *fpdf.Fpdf }

var handWidths = []float64{35.1, 29.7, 24.3, 24.3, 86.5, 43.2, 29.7}

const handLine = 3.35

func (p handPages) page() {
	p.AddPage()
	p.SetFont("dejavu", "B", 7.2)
	p.SetFillColor(30, 41, 59)
	p.SetTextColor(255, 255, 255)
	for i, h := range headers {
		p.CellFormat(handWidths[i], 5.85, h, "", 0, "", true, 0, "")
	}
	p.Ln(5.85)
}

func (p handPages) row(e audit.Entry) {
	p.SetFont("dejavu", "", 7.2)
	cells := make([][]string, 7)
	lines := len(e.Changes)
	for i, s := range []string{e.Time.Format("2006-01-02 15:04:05.000"), e.Object.Type, e.Object.ID, "", "", e.Actor.User(), e.Request.IP} {
		if s != "" {
			cells[i] = p.SplitText(s, handWidths[i]-3.2)
			lines = max(lines, len(cells[i]))
		}
	}
	y := p.GetY()
	height := float64(max(lines, 1))*handLine + 2.5
	if y+height > 194 {
		p.page()
		y = p.GetY()
	}
	x := 12 + 1.6
	for i, cell := range cells {
		p.SetXY(x, y+1.25)
		switch i {
		case 3:
			p.pill(e.Action, x, y+1.25)
		case 4:
			p.changes(e.Changes, x)
		default:
			p.SetFont("dejavu", "", 7.2)
			p.SetTextColor(30, 41, 59)
			for _, line := range cell {
				p.CellFormat(handWidths[i], handLine, line, "", 2, "", false, 0, "")
			}
		}
		x += handWidths[i]
	}
	p.SetXY(12, y+height)
	p.Line(12, y+height, 285, y+height)
}

func (p handPages) pill(action string, x, y float64) {
	p.SetFont("dejavu", "B", 7.2)
	p.SetFillColor(219, 234, 254)
	p.SetTextColor(30, 64, 175)
	p.RoundedRect(x, y, p.GetStringWidth(action)+3, handLine, handLine/2, "1234", "F")
	p.SetX(x + 1.5)
	p.CellFormat(0, handLine, action, "", 0, "", false, 0, "")
}

func (p handPages) changes(changes []audit.Change, x float64) {
	for _, c := range changes {
		p.SetX(x)
		for i, part := range []string{c.Field + ": ", fmt.Sprint(c.Old), " → ", fmt.Sprint(c.New)} {
			p.SetFont("dejavu", []string{"B", "", "", ""}[i], 7.2)
			ink := [][3]int{{15, 23, 42}, {159, 18, 57}, {100, 116, 139}, {22, 101, 52}}[i]
			p.SetTextColor(ink[0], ink[1], ink[2])
			p.CellFormat(p.GetStringWidth(part), handLine, part, "", 0, "", false, 0, "")
		}
		p.Ln(handLine)
	}
}

// handBarePDF is the least that could be called a table: a line an entry, one
// look, nothing wrapped.
func handBarePDF(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
	pdf := fpdf.New("L", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes("dejavu", "", dejavusanscondensed.TTF)
	pdf.SetFont("dejavu", "", 7)
	pdf.AddPage()
	for e, err := range trail.All(ctx, audit.Query{}) {
		if err != nil {
			return err
		}
		for i, cell := range handRow(e) {
			pdf.CellFormat([]float64{40, 30, 20, 20, 90, 45, 25}[i], 4, strings.ReplaceAll(cell, "\n", "; "), "", 0, "", false, 0, "")
		}
		pdf.Ln(4)
	}
	return pdf.Output(w)
}

// command is what a child process is started with.
func command(b *testing.B, name, db, file string) *exec.Cmd {
	b.Helper()
	query := "SELECT " + handColumns + handOrder
	switch name {
	case "sqlite3":
		return exec.Command(tool(b, "sqlite3", "sqlite3"), "-csv", "-cmd", ".output "+file, db, query)
	case "copy":
		return exec.Command(tool(b, "psql", "postgresql-client"), "-X", "-q", "-d", db, "-c", `\copy (`+query+`) to '`+file+`' csv`)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AUDIT_JOB="+name, "AUDIT_JOB_DB="+db, "AUDIT_JOB_FILE="+file)
	return cmd
}
