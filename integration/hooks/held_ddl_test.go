package hooks_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// generous is how long a test waits for what should not wait at all.
const generous = time.Minute

// heldDDL is DDL in a schema of MariaDB that can't go on: one statement makes a
// table, one waits for a table that a transaction reads, one locks a table.
type heldDDL struct {
	t        *testing.T
	db       *sql.DB
	lock     *sql.Conn
	reader   *sql.Tx
	finished chan error
}

// holdDDL returns once all of it is under way. release lets it go, and reports
// whether it was held until then.
func holdDDL(t *testing.T, dsn string) (release func() bool) {
	t.Helper()
	h := &heldDDL{t: t, db: another(t, "mysql", dsn), finished: make(chan error, 2)}
	h.exec("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int PRIMARY KEY)")
	var err error
	h.lock, err = h.db.Conn(t.Context())
	require.NoError(t, err)
	name := schemaIn(dsn)
	for _, s := range []string{"SELECT GET_LOCK('" + name + "', 0)", "LOCK TABLES b WRITE"} {
		_, err = h.lock.ExecContext(t.Context(), s)
		require.NoError(t, err)
	}
	h.reader, err = h.db.Begin()
	require.NoError(t, err)
	var n int
	require.NoError(t, h.reader.QueryRow("SELECT count(*) FROM a").Scan(&n))
	h.start("CREATE TABLE made AS SELECT GET_LOCK('"+name+"', 600) AS x", "User lock")
	h.start("ALTER TABLE a ADD COLUMN n int", "Waiting for table metadata lock")
	return h.release
}

func (h *heldDDL) exec(statements ...string) {
	h.t.Helper()
	for _, s := range statements {
		_, err := h.db.Exec(s)
		require.NoError(h.t, err)
	}
}

// start begins a statement, and waits until the server says that it waits.
func (h *heldDDL) start(statement, state string) {
	h.t.Helper()
	go func() {
		_, err := h.db.ExecContext(context.WithoutCancel(h.t.Context()), statement)
		h.finished <- err
	}()
	require.Eventually(h.t, func() bool {
		var now string
		err := h.db.QueryRow("SELECT STATE FROM information_schema.PROCESSLIST WHERE INFO = ?", statement).Scan(&now)
		return err == nil && strings.EqualFold(now, state)
	}, generous, 10*time.Millisecond)
}

func (h *heldDDL) release() bool {
	h.t.Helper()
	held := len(h.finished) == 0
	require.NoError(h.t, h.reader.Rollback())
	for _, s := range []string{"DO RELEASE_ALL_LOCKS()", "UNLOCK TABLES"} {
		_, err := h.lock.ExecContext(context.WithoutCancel(h.t.Context()), s)
		require.NoError(h.t, err)
	}
	require.NoError(h.t, h.lock.Close())
	for range 2 {
		require.NoError(h.t, <-h.finished)
	}
	return held
}

func grant(t *testing.T, database, role string) {
	t.Helper()
	admin := another(t, "mysql", database)
	name, _, _ := strings.Cut(role, ":")
	_, err := admin.Exec("GRANT ALL ON " + schemaIn(database) + ".* TO " + name + "@'%'")
	require.NoError(t, err)
}
