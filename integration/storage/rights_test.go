package storage

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore"
)

// rightsTable returns the rights of each role by table, as docs/storage.md lists them.
func rightsTable(t *testing.T) map[string]map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/storage.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n## Grant rights\n")
	require.True(t, found)
	_, rest, found = strings.Cut(rest, "\n| table |")
	require.True(t, found)
	head, body, _ := strings.Cut(rest, "\n|---|")
	roles := cells(head)
	rights := map[string]map[string]string{}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "---") {
			continue
		}
		if !strings.HasPrefix(line, "| `") {
			break
		}
		row := cells(line)
		require.Len(t, row, len(roles)+1, line)
		for i, role := range roles {
			if rights[role] == nil {
				rights[role] = map[string]string{}
			}
			if right := strings.ReplaceAll(row[i+1], "`", ""); right != "–" {
				rights[role][strings.Trim(row[0], "`")] = right
			}
		}
	}
	return rights
}

func cells(line string) []string {
	list := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// uses are what each role of the documentation does.
var uses = map[string]func(ctx context.Context, db *gorm.DB, store *gormstore.Store) error{
	"append": func(ctx context.Context, db *gorm.DB, store *gormstore.Store) error {
		tx := db.Begin()
		defer tx.Rollback()
		if err := store.AppendTx(ctx, tx.Statement.ConnPool, newGenerator(uint64(time.Now().UnixNano())).entries(3)...); err != nil {
			return err
		}
		if _, err := store.Key(ctx, tx.Statement.ConnPool); err != nil {
			return err
		}
		if err := tx.Commit().Error; err != nil {
			return err
		}
		return store.Append(ctx, newGenerator(uint64(time.Now().UnixNano())).entry())
	},
	"read": func(ctx context.Context, _ *gorm.DB, store *gormstore.Store) error {
		page, err := store.Query(ctx, audit.Query{Limit: 1})
		if err != nil {
			return err
		}
		if _, err := store.Get(ctx, page.Entries[0].ID); err != nil {
			return err
		}
		if _, err := store.Key(ctx, nil); err != nil {
			return err
		}
		if _, _, err := store.Tail(ctx, audit.Filter{}, "", 10); err != nil {
			return err
		}
		if _, _, err := store.Count(ctx, audit.Filter{Keyword: "example"}, 10); err != nil {
			return err
		}
		for _, err := range store.All(ctx, audit.Query{}) {
			if err != nil {
				return err
			}
		}
		_, err = store.Facets(ctx, audit.Filter{})
		return err
	},
	"refresh": func(ctx context.Context, _ *gorm.DB, store *gormstore.Store) error { return store.Refresh(ctx) },
	"purge": func(ctx context.Context, _ *gorm.DB, store *gormstore.Store) error {
		n, err := store.Purge(ctx, audit.Filter{}, 5)
		if err == nil && n != 5 {
			err = fmt.Errorf("%d entries are purged", n)
		}
		return err
	},
	"follow": func(ctx context.Context, _ *gorm.DB, store *gormstore.Store) error {
		fence, err := store.Lease(ctx, "test", "me", time.Minute)
		if err != nil {
			return err
		}
		at, err := store.Checkpoint(ctx, "test")
		if err != nil {
			return err
		}
		at.Fence = fence
		_, next, err := store.Tail(ctx, audit.Filter{}, at.Position, 10)
		if err != nil {
			return err
		}
		return store.Advance(ctx, at, storage.Checkpoint{Name: "test", Position: next})
	},
}

// TestDocumentedRights: each role of the table in docs/storage.md does its work with
// the rights that the table lists, and no other role's work.
func TestDocumentedRights(t *testing.T) {
	for _, test := range []struct {
		name string
		server
		opts gormstore.Options
	}{
		{"postgres", servers[1], gormstore.Options{KeywordIndex: true}},
		{"months", servers[1], gormstore.Options{KeywordIndex: true, Partitions: gormstore.Monthly}},
		{"mysql", servers[2], gormstore.Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, ctx := test.create(t), context.Background()
			db := open(t, d)
			owner := migrated(t, db, &test.opts)
			require.NoError(t, owner.Append(ctx, newGenerator(1).entries(2000)...))
			documented := rightsTable(t)
			require.Len(t, documented, len(uses))
			cannot := map[string][]string{
				"append": {"read", "refresh", "follow", "purge"}, "read": {"append", "follow", "purge"},
				"refresh": {"append", "read", "purge"}, "follow": {"append", "purge"}, "purge": {"append"}, // these two move any checkpoint
			}
			for _, role := range []string{"append", "read", "refresh", "follow", "purge"} {
				lesser := open(t, newRole(t, db, d, owner.Tables(), documented[role]))
				store, err := gormstore.New(lesser, &test.opts)
				require.NoError(t, err)
				require.NoError(t, uses[role](ctx, lesser, store), role)
				for _, other := range cannot[role] {
					assert.Error(t, uses[other](ctx, lesser, store), "%s does what %s does", role, other)
				}
				assert.Error(t, store.Migrate(ctx), role)
				if role == "read" || role == "refresh" {
					var values int
					require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_facets").Scan(&values).Error)
					assert.Equal(t, role == "refresh", values > 0, "%s writes the facets' values", role)
				}
			}
		})
	}
}

// TestRightsOfMonths: facets that are far behind are looked for in each partition, which
// needs rights of its own, and only the owner drops one.
func TestRightsOfMonths(t *testing.T) {
	d, ctx := createPostgres(t), context.Background()
	db := open(t, d)
	owner := migrated(t, db, &monthly)
	entries := overYears(40)
	require.NoError(t, owner.Append(ctx, entries...))
	require.NoError(t, db.Exec("UPDATE audit_entries_checkpoints SET version = version + 1, position = '' WHERE name = 'gormstore/facets'").Error)

	reader := newRole(t, db, d, owner.Tables(), rightsTable(t)["read"])
	store, err := gormstore.New(open(t, reader), &monthly)
	require.NoError(t, err)
	_, err = store.Facets(ctx, audit.Filter{})
	require.ErrorContains(t, err, "permission denied for table audit_entries_")
	require.NoError(t, db.Exec("GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+roleOf(reader)).Error)
	_, err = store.Facets(ctx, audit.Filter{})
	assert.NoError(t, err)

	purger := newRole(t, db, d, owner.Tables(), rightsTable(t)["purge"])
	store, err = gormstore.New(open(t, purger), &monthly)
	require.NoError(t, err)
	_, err = store.Purge(ctx, audit.Filter{To: time.Now()}, 1000)
	assert.ErrorContains(t, err, "permission denied")
}

// TestRightsOfMigrate: what docs/storage.md says of the role that migrates.
func TestRightsOfMigrate(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		d := createPostgres(t)
		db := open(t, d)
		role := newRole(t, db, d, nil, nil)
		require.NoError(t, db.Exec("CREATE SCHEMA audit; GRANT USAGE, CREATE ON SCHEMA audit TO "+roleOf(role)).Error)
		for range 2 {
			migrated(t, open(t, role), &gormstore.Options{Schema: "audit"})
		}
	})
	t.Run("mysql", func(t *testing.T) {
		d := createMySQL(t)
		db := open(t, d)
		role := newRole(t, db, d, nil, nil)
		require.NoError(t, db.Exec("GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE ON * TO "+roleOf(role)+"@'%'").Error)
		for range 2 {
			migrated(t, open(t, role), nil)
		}
	})
}

// newRole makes a role with these rights on those tables that there are, and returns
// how to connect as it.
func newRole(t *testing.T, db *gorm.DB, d gorm.Dialector, tables []string, rights map[string]string) gorm.Dialector {
	t.Helper()
	name, at, as := "role_"+strings.ToLower(rand.Text()[:20]), "", ""
	if db.Name() == "mysql" {
		at = "@'%'"
		require.NoError(t, db.Exec("CREATE USER "+name+at).Error)
		t.Cleanup(func() { assert.NoError(t, db.Exec("DROP USER "+name+at).Error) })
		as = strings.Replace(dsnOf(d), "root@", name+"@", 1)
	} else {
		require.NoError(t, db.Exec("CREATE ROLE "+name+" LOGIN").Error)
		t.Cleanup(func() { assert.NoError(t, db.Exec("DROP OWNED BY "+name+"; DROP ROLE "+name).Error) })
		as = strings.Replace(dsnOf(d), "postgres@", name+"@", 1)
	}
	for _, table := range tables {
		if right := rights[table]; right != "" {
			require.NoError(t, db.Exec("GRANT "+right+" ON "+table+" TO "+name+at).Error)
		}
	}
	return dialector(db.Name(), as)
}

func roleOf(d gorm.Dialector) string {
	before, _, _ := strings.Cut(dsnOf(d), "@")
	return before[strings.LastIndex(before, "role_"):]
}

// TestDocumentedReset: after entries are deleted by hand, the statements of
// docs/storage.md and Refresh leave no value and no search term of them.
func TestDocumentedReset(t *testing.T) {
	page, err := os.ReadFile("../../docs/storage.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "Reset the projections")
	require.True(t, found)
	_, rest, found = strings.Cut(rest, "```sql\n")
	require.True(t, found)
	block, _, _ := strings.Cut(rest, "```")
	always, indexed, found := strings.Cut(block, "-- With KeywordIndex:")
	require.True(t, found)
	onEach(t, func(t *testing.T, s server) {
		db, ctx := open(t, s.create(t)), context.Background()
		index := s.name != "mysql"
		store := migrated(t, db, &gormstore.Options{KeywordIndex: index})
		require.NoError(t, store.Append(ctx, newGenerator(1).entries(1500)...))
		require.NoError(t, store.Refresh(ctx))
		tables, reset := []string{"audit_entries_facets"}, always
		if index {
			tables, reset = append(tables, "audit_entries_terms", "audit_entries_terms_of"), always+indexed
		}
		require.NoError(t, db.Exec("DELETE FROM audit_entries").Error)
		for statement := range strings.SplitSeq(reset, ";") {
			if strings.TrimSpace(statement) != "" {
				require.NoError(t, db.Exec(statement).Error)
			}
		}
		require.NoError(t, store.Refresh(ctx))
		for _, table := range tables {
			var rows int
			require.NoError(t, db.Raw("SELECT count(*) FROM "+table).Scan(&rows).Error)
			assert.Zero(t, rows, table)
		}
	})
}
