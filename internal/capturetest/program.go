package capturetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gorm.io/gorm"
	"pgregory.net/rapid"
)

// host runs a program, and notes all that a host can see of it.
type host struct {
	e    *env
	now  time.Time
	seen []string
}

// see notes what a host sees.
func (h *host) see(what string, tx *gorm.DB, values ...any) {
	h.note(what, tx.Error, tx.RowsAffected, values...)
}

func (h *host) note(what string, err error, rows int64, values ...any) {
	text := fmt.Sprintf("%s: %d rows, error %v", what, rows, err)
	for _, v := range values {
		raw, merr := json.Marshal(v)
		text += fmt.Sprintf("; %s %v", raw, merr)
	}
	h.seen = append(h.seen, comparable(text))
}

// comparable leaves out of an error what differs between two copies: MariaDB
// names the database, and a syntax error quotes what follows, which may be
// capture's. In which way a statement is refused depends on that too.
func comparable(text string) string {
	text = databaseName.ReplaceAllString(text, "database")
	text = address.ReplaceAllString(text, "address")
	text = brokenConnection.ReplaceAllString(text, "broken connection")
	text = failedStatement.ReplaceAllString(text, "failed statement")
	return syntaxError.ReplaceAllString(text, "syntax error")
}

var (
	address          = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	databaseName     = regexp.MustCompile(`capture_[0-9a-f]{12}`)
	brokenConnection = regexp.MustCompile(`driver: bad connection|conn closed`)
	// pgx quotes the statement.
	failedStatement = regexp.MustCompile(`(?s)failed statement "(\\.|[^"\\])*"`)
	syntaxError     = regexp.MustCompile(`(?s)Error 1064 \(42000\): .*|ERROR: [^;]*\(SQLSTATE 42601\)|mismatched param and argument count|expected \d+ arguments, got \d+|` +
		`SQL logic error: (near ".*": syntax error|incomplete input|unrecognized token: .*) \(1\)`)
)

// op is a step of a program. It must do the same whenever it runs on the same
// rows: all that is random in it was drawn before.
type op struct {
	name string
	run  func(h *host, db *gorm.DB)
}

func names(program []op) string {
	var b strings.Builder
	for i, o := range program {
		fmt.Fprintf(&b, "%3d %s\n", i+1, o.name)
	}
	return b.String()
}

var errUndo = errors.New("undo")

// drawOp draws a statement or, while depth lasts, a transaction of them.
func drawOp(t *rapid.T, database string, depth int) op {
	kind := rapid.IntRange(0, 99).Draw(t, "kind")
	switch {
	case depth > 0 && kind >= 80:
		return drawTransaction(t, database, depth)
	case kind >= 75:
		return drawSession(t, database, depth)
	case kind >= 73:
		return drawRaw(t)
	case kind >= 68:
		return drawEnrolment(t)
	case kind >= 52:
		return drawAssociation(t)
	case kind >= 40:
		return drawEstate(t)
	}
	s := drawSpecies(t)
	return s.statement(t, database)
}

// drawTransaction draws a transaction that commits, fails or panics; inside of
// another one it is a savepoint.
func drawTransaction(t *rapid.T, database string, depth int) op {
	return drawTransactionOf(t, func(t *rapid.T) op { return drawOp(t, database, depth-1) })
}

func drawTransactionOf(t *rapid.T, inner func(*rapid.T) op) op {
	body := rapid.SliceOfN(rapid.Custom(inner), 1, 5).Draw(t, "body")
	end := rapid.SampledFrom([]string{"commit", "commit", "commit", "error", "panic", "by hand", "by hand, undone"}).Draw(t, "end")
	name := "transaction, " + end + ":"
	for _, o := range body {
		name += "\n        " + strings.ReplaceAll(o.name, "\n", "\n    ")
	}
	return op{name, func(h *host, db *gorm.DB) {
		if strings.HasPrefix(end, "by hand") {
			h.byHand(db, body, end == "by hand")
			return
		}
		err := h.transaction(db, body, end)
		h.note("transaction", err, 0)
	}}
}

func (h *host) transaction(db *gorm.DB, body []op, end string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != any("on purpose") {
				panic(r)
			}
			err = errors.New("panicked on purpose")
		}
	}()
	return db.Transaction(func(tx *gorm.DB) error {
		for _, o := range body {
			o.run(h, tx)
		}
		switch end {
		case "error":
			return errUndo
		case "panic":
			panic("on purpose")
		}
		return nil
	})
}

// byHand begins and ends a transaction, or a savepoint inside of one, by hand.
func (h *host) byHand(db *gorm.DB, body []op, keep bool) {
	if _, inside := db.Statement.ConnPool.(gorm.TxCommitter); inside {
		h.see("savepoint", db.SavePoint("sp1"))
		for _, o := range body {
			o.run(h, db)
		}
		if !keep {
			h.see("rollback to", db.RollbackTo("sp1"))
		}
		return
	}
	tx := db.Begin()
	h.see("begin", tx)
	for _, o := range body {
		o.run(h, tx)
	}
	if keep {
		h.see("commit", tx.Commit())
	} else {
		h.see("rollback", tx.Rollback())
	}
}

// drawSession draws a statement under the flags of a session.
func drawSession(t *rapid.T, database string, depth int) op {
	inner := drawOp(t, database, depth-1)
	flag := rapid.SampledFrom([]string{"PrepareStmt", "SkipDefaultTransaction", "SkipHooks", "FullSaveAssociations", "CreateBatchSize", "NewDB", "QueryFields", "DryRun"}).Draw(t, "flag")
	return op{flag + ": " + inner.name, func(h *host, db *gorm.DB) {
		s := &gorm.Session{}
		switch flag {
		case "PrepareStmt":
			s.PrepareStmt = true
		case "SkipDefaultTransaction":
			s.SkipDefaultTransaction = true
		case "SkipHooks":
			s.SkipHooks = true
		case "FullSaveAssociations":
			s.FullSaveAssociations = true
		case "CreateBatchSize":
			s.CreateBatchSize = 2
		case "NewDB":
			s.NewDB, s.Context = true, db.Statement.Context
		case "QueryFields":
			s.QueryFields = true
		case "DryRun":
			s.DryRun = true
		}
		inner.run(h, db.Session(s))
	}}
}

// drawRaw draws a raw statement, whose rows callbacks can't see.
func drawRaw(t *rapid.T) op {
	q := rapid.SampledFrom([]string{
		"UPDATE products SET price = price + 1 WHERE price > 0", "DELETE FROM notes", "INSERT INTO notes (text) VALUES ('raw')",
		"UPDATE places SET visits = 9 WHERE tenant_id = 1", "DELETE FROM log_lines WHERE source = 'k2'", "UPDATE nonsense SET x = 1",
	}).Draw(t, "raw")
	return op{"raw " + q, func(h *host, db *gorm.DB) {
		if db.DryRun {
			return
		}
		h.e.executes(db, func() { h.see("raw", db.Exec(q)) })
	}}
}
