package export_test

import (
	"bufio"
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
		return export.Write(ctx, w, f, trail, audit.Query{}, nil)
	}
}

// jobs: ours, and beside each the shortest program that one would write by hand
// over the same rows with the same library.
var jobs = map[string]job{
	"csv": ours(export.CSV), "hand-csv": handCSV, "hand-sql-csv": handSQL,
	"jsonl": ours(export.JSONLines), "hand-jsonl": handJSONLines,
	"xlsx": ours(export.Excel), "hand-xlsx": handExcel,
	"pdf": ours(export.PDFFormat{MaxRows: -1}), "hand-pdf": handPDF,
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

// handSQL knows the table, and leaves the changes as the JSON that they are.
func handSQL(ctx context.Context, w io.Writer, _ audit.Reader, pool *sql.DB) error {
	rows, err := pool.QueryContext(ctx, "SELECT "+handColumns+" FROM audit_entries ORDER BY time DESC, id DESC")
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
	return rows.Err()
}

const handColumns = "time, object_type, object_id, action, changes, actor_user, ip"

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

func handPDF(ctx context.Context, w io.Writer, trail audit.Reader, _ *sql.DB) error {
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
	query := "SELECT " + handColumns + " FROM audit_entries ORDER BY time DESC, id DESC"
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
