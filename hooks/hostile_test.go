package hooks_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks"
)

var (
	hostileRuns = flag.Int("hostile", 1500, "texts of TestHostileTexts under each policy")
	hostileSeed = flag.Uint64("hostile-seed", 0, "seed of TestHostileTexts; 0: by the clock")
)

// hostile makes texts that change rows and try not to look like it.
type hostile struct{ *rand.Rand }

func (h hostile) of(list ...string) string { return list[h.IntN(len(list))] }

// gap is something between two tokens; half of it is white space to SQLite.
func (h hostile) gap() string {
	if h.IntN(3) > 0 {
		return " "
	}
	return h.of("\n", "\t", "\f", "\r", " \v", "\v", "\u00a0", "\ufeff", " \ufeff", "/**/", "/* x */", "/* ' */", "/*/*/", "/* /* */", "-- x\n", "--'\n", "--\r\n", "--\r",
		"/*! */", "/*!99999 */", "# x\n", " ; ", ";;", "\x00", "--[\n", "/* open")
}

// literal is a value or a name with something in it that looks like another part
// of a statement.
func (h hostile) literal() string {
	return h.of("1", "'x'", "'\\'", "'it''s'", `"n"`, "[n]", "`n`", "x'00'", "';'", "'--'", "'/*'", "'*/'", `";"`, "[;']", "`;'`", "1.5e-3", "'$$'", "$$", "E'a\\'", "?1",
		"'\\''", "N'x'", "\"'\"", "'\"'", "$a('", "@b(\"", ":::c(')", "[--", "1e", "0x1")
}

func (h hostile) read() string {
	return h.of("SELECT"+h.gap()+h.literal(), "SELECT "+h.literal()+","+h.gap()+h.literal(), "VALUES("+h.literal()+")", "PRAGMA table_info(things)", "PRAGMA user_version",
		"EXPLAIN"+h.gap()+"DELETE FROM things", "WITH x AS (SELECT "+h.literal()+") SELECT * FROM x", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "PRAGMA foreign_keys = 1",
		"ANALYZE", "SELECT * FROM things WHERE a = "+h.literal(), "(", "")
}

func (h hostile) write() string {
	g := h.gap
	s := h.of("UPDATE"+g()+"things"+g()+"SET n = n + 1", "DELETE"+g()+"FROM"+g()+"things WHERE n > 3", "INSERT"+g()+"INTO things (n) VALUES (1)", "REPLACE INTO things"+g()+"(id, n) VALUES (1, 2)",
		"UPDATE OR FAIL things SET n = n + 1", "INSERT INTO things (n) SELECT n FROM things LIMIT 1", "UPDATE 'things' SET n = 7", "UPDATE main.[things] SET a = "+h.literal()+", n = n + 1",
		"DELETE FROM things WHERE id = (SELECT max(id) FROM things)")
	if h.IntN(3) == 0 {
		s = h.of("WITH x AS (SELECT 1)", "EXPLAIN", "PREPARE x AS", "/*!", "(", "WITH x AS (SELECT "+h.literal()+")", h.literal()) + g() + s
	}
	if h.IntN(3) == 0 {
		s += g() + "RETURNING" + g() + h.of("n", "*", h.literal())
	}
	return s
}

func (h hostile) text() string {
	var b strings.Builder
	for range h.IntN(3) {
		b.WriteString(h.gap() + h.read() + h.gap() + h.of(";", ";", "") + h.gap())
	}
	b.WriteString(h.gap() + h.write() + h.gap())
	for range h.IntN(3) {
		b.WriteString(h.of(";", ";", "") + h.gap() + h.read())
	}
	return b.String() + h.of("", ";", "-- x", "/* open", h.literal())
}

// run runs a text in one of the ways that GORM has; errors are of no interest.
func (h hostile) run(db *gorm.DB, text string) {
	if h.IntN(4) == 0 {
		db = db.Session(&gorm.Session{PrepareStmt: true})
	}
	if h.IntN(3) == 0 {
		tx := db.Begin()
		defer func() {
			if h.IntN(4) > 0 {
				tx.Commit()
			} else {
				tx.Rollback()
			}
		}()
		db = tx
	}
	switch h.IntN(7) {
	case 0:
		db.Raw(text).Scan(&[]map[string]any{})
	case 1:
		if rows, err := db.Raw(text).Rows(); err == nil {
			rows.Close()
		}
	case 2:
		if row := db.Raw(text).Row(); row != nil {
			row.Scan(new(any))
		}
	case 3:
		db.Table("things").Where("1 = 1" + h.gap() + h.of(";", "") + text).Find(&[]map[string]any{})
	case 4:
		db.Table("things").Select("1" + h.gap() + h.of(";", "") + text).Limit(1).Count(new(int64))
	default:
		db.Exec(text)
	}
}

// TestHostileTexts: whatever changes a row is on the log, or was refused. A
// trigger sees the changes.
func TestHostileTexts(t *testing.T) {
	seed := *hostileSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-hostile-seed=%d -hostile=%d", seed, *hostileRuns)
	for _, raw := range []hooks.RawPolicy{hooks.RawRecord, hooks.RawRefuse} {
		h := hostile{rand.New(rand.NewPCG(seed, uint64(raw)))}
		s := newHostileHost(t, raw)
		changed := 0
		for range *hostileRuns {
			text := h.text()
			before, entries := s.counts()
			h.run(s.db, text)
			_, _ = s.sql.Exec("ROLLBACK") // what a BEGIN left open
			after, now := s.counts()
			if before == after {
				continue
			}
			changed++
			require.Equal(t, hooks.RawRecord, raw, "seed %d: refused, and yet %q changed a row", seed, text)
			require.Greater(t, now, entries, "seed %d: %q changed a row and is not on the log", seed, text)
		}
		require.True(t, raw == hooks.RawRefuse || changed*20 > *hostileRuns, "only %d of %d texts changed a row", changed, *hostileRuns)
	}
}

// hostileHost is a database of one table with triggers.
type hostileHost struct {
	t   *testing.T
	db  *gorm.DB
	sql *sql.DB
}

func newHostileHost(t *testing.T, raw hooks.RawPolicy) *hostileHost {
	h := newHost(t, setup{opts: &hooks.Options{Raw: raw}, dsn: "&_pragma=synchronous(0)"})
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	sqlDB.SetMaxOpenConns(1)
	for _, s := range []string{
		"CREATE TABLE things (id integer primary key, n int, a text)", "CREATE TABLE changes (n int)", "INSERT INTO things (n) VALUES (1), (2), (3)",
		"CREATE TRIGGER u AFTER UPDATE ON things BEGIN INSERT INTO changes VALUES (1); END",
		"CREATE TRIGGER i AFTER INSERT ON things BEGIN INSERT INTO changes VALUES (1); END",
		"CREATE TRIGGER d AFTER DELETE ON things BEGIN INSERT INTO changes VALUES (1); END",
	} {
		h.outside(s)
	}
	return &hostileHost{t, h.db, sqlDB}
}

// counts returns how many changes there were, and how many entries.
func (h *hostileHost) counts() (changes, entries int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := h.sql.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM audit_entries)").Scan(&changes, &entries)
	require.NoError(h.t, err, fmt.Sprint("the connection is in use by an open result or transaction"))
	return changes, entries
}
