package gormstore

import (
	"context"
	"database/sql"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// matchPatience bounds the question whether two connections lead to one database.
const matchPatience = 5 * time.Second

// InDatabase reports whether db leads to the database of the store's tables. A pool
// other than the store's own is asked, once, unless all its connections are in use:
// then the answer is false, and MatchDatabase has a better one.
func (s *Store) InDatabase(db *sql.DB) bool {
	if db == nil {
		return false
	}
	if same, known := s.verdict(db); known {
		return same
	}
	if !spare(db) {
		return false
	}
	same, _ := s.MatchDatabase(context.Background(), db, db)
	return same
}

// MatchDatabase reports whether tx, a transaction or connection of the pool db, is
// in the database of the store's tables, on the same server. Databases are compared,
// not pools: on SQLite the files, elsewhere an identity that the server has from its
// start, and the database's own. A replica is another server, a copy another
// database, and so is SQLite's memory.
//
// What is found of a pool is kept as long as the pool: that it is the same for
// good, that it is another for a minute.
func (s *Store) MatchDatabase(ctx context.Context, db *sql.DB, tx sqldb.Queryer) (bool, error) {
	if db != nil {
		if same, known := s.verdict(db); known {
			return same, nil
		}
	}
	bounded, cancel := context.WithTimeout(ctx, matchPatience)
	defer cancel()
	same, err := s.match(bounded, tx)
	if err != nil {
		return false, s.translate(ctx, err)
	}
	if db != nil {
		s.known.pools.put(db, same)
	}
	return same, nil
}

func (s *Store) verdict(db *sql.DB) (same, known bool) {
	if db == s.db {
		return true, true
	}
	return s.known.pools.get(db)
}

// match asks tx, and the store's own pool where it hasn't told yet or the answers
// differ: the server may have been started again since.
func (s *Store) match(ctx context.Context, tx sqldb.Queryer) (bool, error) {
	if placed := s.known.placed.Load(); placed != nil {
		s = placed
	}
	other, err := s.dialect.identity(ctx, tx)
	if err != nil || other == "" {
		return false, err
	}
	if own := s.known.identity.Load(); own != nil && s.dialect.sameIdentity(*own, other) {
		return true, nil
	}
	if err := s.learnIdentity(ctx); err != nil {
		return false, err
	}
	return s.dialect.sameIdentity(*s.known.identity.Load(), other), nil
}

func (s *Store) learnIdentity(ctx context.Context) error {
	own, err := s.dialect.ownIdentity(ctx, s.db)
	if err == nil {
		s.known.identity.Store(&own)
	}
	return err
}

// verdicts are the pools that were asked, for as long as they are in use.
type verdicts struct {
	byPool sync.Map // weak.Pointer[sql.DB] → verdict
}

type verdict struct {
	same  bool
	until time.Time // of a pool that leads elsewhere
}

// elsewhereFor is how long a pool that leads elsewhere isn't asked again.
const elsewhereFor = time.Minute

func (v *verdicts) get(db *sql.DB) (same, known bool) {
	found, ok := v.byPool.Load(weak.Make(db))
	if !ok {
		return false, false
	}
	is := found.(verdict)
	return is.same, is.same || time.Now().Before(is.until)
}

func (v *verdicts) put(db *sql.DB, same bool) {
	key := weak.Make(db)
	if _, again := v.byPool.Swap(key, verdict{same, time.Now().Add(elsewhereFor)}); again {
		return
	}
	// The store may go before the pool does.
	of := weak.Make(v)
	runtime.AddCleanup(db, func(key weak.Pointer[sql.DB]) {
		if v := of.Value(); v != nil {
			v.byPool.Delete(key)
		}
	}, key)
}

// identity has the time at which the server was started, to the microsecond. A
// standby has another one.
func (d *postgres) identity(ctx context.Context, q sqldb.Queryer) (string, error) {
	return sqldb.String(ctx, q, "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint || ' ' || oid FROM pg_database WHERE datname = current_database()")
}

func (d *postgres) ownIdentity(ctx context.Context, db *sql.DB) (string, error) {
	return identityInTx(ctx, d, db)
}

func (d *postgres) sameIdentity(own, other string) bool { return own == other }

// identity has what the server drew at its start: the second of it, and a number
// by which its UUIDs differ from another one's. No table is read, so no snapshot is
// taken in the host's transaction. At the end is the database that the connection
// uses.
func (d *mysql) identity(ctx context.Context, q sqldb.Queryer) (string, error) {
	return sqldb.String(ctx, q, "SELECT CONCAT_WS(' ', @@hostname, @@port, @@server_id, UUID_SHORT() >> 24, SUBSTRING(UUID(), 20), coalesce(DATABASE(), ''))")
}

func (d *mysql) ownIdentity(ctx context.Context, db *sql.DB) (string, error) {
	return identityInTx(ctx, d, db)
}

// sameIdentity: the store's own connections may use another database than the one
// that its tables are in.
func (d *mysql) sameIdentity(own, other string) bool {
	if own == other {
		return true
	}
	server := strings.Join(strings.SplitN(own, " ", 6)[:5], " ")
	return d.t.Schema != "" && other == server+" "+d.t.Schema
}

// identityInTx asks in a transaction, which a proxy between here and the servers
// sends where it sends those that write.
func identityInTx(ctx context.Context, d dialect, db *sql.DB) (identity string, err error) {
	err = sqldb.InTx(ctx, db, nil, func(m sqldb.Conn) error {
		identity, err = d.identity(ctx, m)
		return err
	})
	return identity, err
}

// identity is the file of the schema's database, which SQLite tells without a lock.
// What is in memory has none.
func (d *sqlite) identity(ctx context.Context, q sqldb.Queryer) (string, error) {
	rows, err := q.QueryContext(ctx, "PRAGMA database_list")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var number int
		var name string
		var file sql.NullString
		if err := rows.Scan(&number, &name, &file); err != nil {
			return "", err
		}
		if name == d.t.Schema {
			return file.String, rows.Err()
		}
	}
	return "", rows.Err()
}

func (d *sqlite) ownIdentity(ctx context.Context, db *sql.DB) (string, error) {
	return d.identity(ctx, db)
}

func (d *sqlite) sameIdentity(own, other string) bool {
	one, err := os.Stat(own)
	if err != nil {
		return false
	}
	two, err := os.Stat(other)
	return err == nil && os.SameFile(one, two)
}
