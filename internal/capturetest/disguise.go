package capturetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/storage/gormstore"
)

// Disguises runs n random texts on each database, under RawRecord and RawRefuse,
// that change rows and try not to look like it: by comments, quotes, white space,
// several statements, prepared ones. Whatever changes a row must be on the log, or
// was refused. A trigger counts the changes. The seed is printed; -rapid.seed runs
// it again.
func Disguises(t *testing.T, n int) {
	seed(t)
	setFlag(t, "rapid.checks", strconv.Itoa(n))
	for _, d := range disguises {
		if !slices.Contains(dbtest.Names, d.database) {
			continue
		}
		for name, raw := range map[string]hooks.RawPolicy{"record": hooks.RawRecord, "refuse": hooks.RawRefuse} {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				m := newMasked(t, d, hooks.Options{Raw: raw})
				rapid.Check(t, m.try)
				t.Logf("%d of %d programs changed rows", m.changed, m.tried)
				if raw == hooks.RawRecord && m.changed == 0 {
					t.Error("no text changed a row")
				}
			})
		}
	}
}

// masked is a database of one table, whose triggers count its changes, and a
// handle that captures.
type masked struct {
	disguise
	base           *dbtest.Database
	db             *gorm.DB
	raw            hooks.RawPolicy
	tried, changed int
}

func newMasked(t *testing.T, d disguise, opts hooks.Options) *masked {
	base, err := dbtest.Open(d.database, d.settings)
	if err != nil {
		dbtest.Missing(t, err)
	}
	t.Cleanup(func() { check(t, base.Close()) })
	if d.database != "sqlite" {
		base.SQL.SetMaxIdleConns(0) // a transaction that a text leaves open ends with its connection
	}
	db, err := gorm.Open(base.Dialector(), config())
	check(t, err)
	for _, s := range d.tables {
		check(t, db.Exec(s).Error)
	}
	store, err := gormstore.New(db, nil)
	check(t, err)
	check(t, store.Migrate(context.Background()))
	trail, err := audit.New(store, nil)
	check(t, err)
	check(t, db.Use(hooks.New(trail, &opts)))
	return &masked{disguise: d, base: base, db: db, raw: opts.Raw}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *masked) try(rt *rapid.T) {
	texts := make([]string, drawn(rt, 1, 2))
	for i := range texts {
		texts[i] = m.text(rt)
	}
	changes, entries := m.counts(rt)
	way := m.run(rt, texts)
	changesNow, entriesNow := m.counts(rt)
	m.tried++
	if changes == changesNow {
		return
	}
	m.changed++
	if entriesNow == entries {
		rt.Fatalf("%s of %q changed a row, and nothing of it is on the log", way, texts)
	}
	if m.raw == hooks.RawRefuse && !strings.Contains(way, "Update") {
		rt.Fatalf("%s of %q was refused, and yet a row changed", way, texts)
	}
}

// counts returns how many changes there were, and how many entries.
func (m *masked) counts(t interface{ Fatal(...any) }) (changes, entries int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if m.database == "sqlite" {
		_, _ = m.base.SQL.ExecContext(ctx, "ROLLBACK") // what a BEGIN left open
	}
	err := m.base.SQL.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM audit_entries)").Scan(&changes, &entries)
	if err != nil {
		t.Fatal(err)
	}
	return changes, entries
}

// run runs texts in one of the ways that GORM has; errors are of no interest.
func (m *masked) run(rt *rapid.T, texts []string) (way string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	db := m.db.WithContext(ctx)
	prepared := drawn(rt, 0, 3) == 0
	if prepared {
		way, db = "prepared ", db.Session(&gorm.Session{PrepareStmt: true})
	}
	if drawn(rt, 0, 1) == 0 {
		tx := db.Begin()
		end := tx.Commit
		if drawn(rt, 0, 3) == 0 {
			way, end = way+"rolled back ", tx.Rollback
		}
		defer end()
		db = tx
	}
	for _, text := range texts {
		way += m.one(rt, db, prepared, text) + " "
	}
	return way
}

func (m *masked) one(rt *rapid.T, db *gorm.DB, prepared bool, text string) string {
	switch way := drawn(rt, 0, 7); {
	case way == 0 || way == 1 && prepared: // GORM's Row panics where a statement can't be prepared
		db.Raw(text).Scan(&[]map[string]any{})
		return "Scan"
	case way == 1:
		if row := db.Raw(text).Row(); row != nil {
			_ = row.Scan(new(any))
		}
		return "Row"
	case way == 2:
		_ = readRows(db.Raw(text))
		return "Rows"
	case way == 3:
		glue := m.gap(rt) + of(rt, "", ";")
		db.Table("things").Where("1 = 1" + glue + text).Find(&[]map[string]any{})
		return fmt.Sprintf("Find behind %q", glue)
	case way == 4:
		glue := m.gap(rt) + of(rt, "", ";")
		db.Table("things").Where("id = ?"+glue+text, 1).Update("a", time.Now().String())
		return fmt.Sprintf("Update behind %q", glue)
	}
	db.Exec(text)
	return "Exec"
}

func drawn(rt *rapid.T, from, to int) int { return rapid.IntRange(from, to).Draw(rt, "n") }

func of(rt *rapid.T, list ...string) string { return rapid.SampledFrom(list).Draw(rt, "part") }
