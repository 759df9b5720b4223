package hooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// seat goes with its account.
type seat struct {
	ID        int64
	AccountID int64
	Name      string
}

const seatsDDL = "CREATE TABLE seats (id %s PRIMARY KEY, account_id bigint, name varchar(50), FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE)"

// withSeats makes the table that refers to accounts, and switches on what SQLite
// has off.
func withSeats(database string) func(*gorm.DB) error {
	return func(db *gorm.DB) error {
		key := map[string]string{"sqlite": "integer", "postgres": "bigserial", "mariadb": "bigint AUTO_INCREMENT"}[database]
		if database == "sqlite" {
			conn, err := db.DB()
			if err != nil {
				return err
			}
			conn.SetMaxOpenConns(1)
			if _, err := conn.Exec("PRAGMA foreign_keys = 1"); err != nil {
				return err
			}
		}
		return db.Exec(fmt.Sprintf(seatsDDL, key)).Error
	}
}

func accountWithSeats(n int) func(tb testing.TB, db *gorm.DB) any {
	return func(tb testing.TB, db *gorm.DB) any {
		a := oneAccount(tb, db).(*account)
		quiet := db.WithContext(audit.Skip(tb.Context(), "set-up"))
		for range n {
			require.NoError(tb, quiet.Create(&seat{AccountID: a.ID, Name: "s"}).Error)
		}
		return a
	}
}

// TestCallsOfCascades: a table to which no foreign key refers pays nothing; others
// a read of the doomed rows, one for each foreign key that refers to them, and
// one of what became of the rows of each table.
func TestCallsOfCascades(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres", "mariadb"} {
		t.Run(database, func(t *testing.T) {
			s := openSide(t, database, &gormstore.Options{})
			require.NoError(t, withSeats(database)(s.db))
			calls := func(prepare func(testing.TB, *gorm.DB) any) int64 {
				v := prepare(t, s.db)
				require.NoError(t, s.db.Delete(prepare(t, s.db)).Error) // the tables are known then
				before := s.calls.n.Load()
				require.NoError(t, s.db.Delete(v).Error)
				return s.calls.n.Load() - before
			}
			noSeat, seats := int64(2), int64(3)
			if database == "sqlite" { // and whether foreign keys are on
				noSeat, seats = 3, 4
			}
			oneSeat := func(tb testing.TB, db *gorm.DB) any {
				x := seat{AccountID: oneAccount(tb, db).(*account).ID}
				require.NoError(tb, db.Create(&x).Error)
				return &x
			}
			require.EqualValues(t, 4, calls(oneSeat), "BEGIN, DELETE, the append, COMMIT")
			require.EqualValues(t, 4+noSeat, calls(oneAccount))
			require.EqualValues(t, 4+seats, calls(accountWithSeats(3)))
		})
	}
}

// BenchmarkCascade is the cost of a delete that takes three rows along.
func BenchmarkCascade(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres", "mariadb"} {
		w := work{"", accountWithSeats(3), func(db *gorm.DB, v any) error { return db.Delete(v).Error }}
		b.Run(database, func(b *testing.B) { compare(b, database, w, withSeats(database)) })
	}
}

// TestFailOpenDeletesWithoutTheRightToReadWhatGoesAlong: the database deletes as
// the owner of the tables, capture reads as the role that asked.
func TestFailOpenDeletesWithoutTheRightToReadWhatGoesAlong(t *testing.T) {
	for _, open := range []bool{false, true} {
		db, trail := auditedPostgres(t)
		if open {
			db, trail = auditedPostgresWith(t, &hooks.Options{FailOpen: true})
		}
		conn, err := db.DB()
		require.NoError(t, err)
		conn.SetMaxOpenConns(1)
		role := strings.ToLower("audit_" + fmt.Sprint(accounts.Add(1), "_", open, "_", t.Name()[:8]))
		for _, q := range []string{
			"CREATE TABLE owners (id bigint PRIMARY KEY)", "CREATE TABLE things (id bigint PRIMARY KEY, owner_id bigint REFERENCES owners(id) ON DELETE CASCADE)",
			"INSERT INTO owners VALUES (1)", "INSERT INTO things VALUES (1, 1)", "CREATE ROLE " + role, "GRANT SELECT, UPDATE, DELETE ON owners TO " + role, "SET ROLE " + role,
		} {
			_, err := conn.Exec(q)
			require.NoError(t, err, q)
		}
		t.Cleanup(func() {
			for _, q := range []string{"RESET ROLE", "DROP OWNED BY " + role, "DROP ROLE " + role} {
				_, err := conn.Exec(q)
				require.NoError(t, err, q)
			}
		})
		err = db.Table("owners").Where("id = 1").Delete(nil).Error
		if !open {
			require.ErrorContains(t, err, "permission denied")
			continue
		}
		require.NoError(t, err)
		page, err := trail.Query(t.Context(), audit.Query{})
		require.NoError(t, err)
		require.Len(t, page.Entries, 1)
		require.Equal(t, []any{"things: cascade"}, page.Entries[0].Metadata["foreign_keys"])
	}
}
