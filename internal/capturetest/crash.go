package capturetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/storage/gormstore"
)

// writerVar tells the test's own binary to be the program that is killed.
const writerVar = "CAPTURE_WRITER"

// testCrash kills a program that writes, at random moments, and then finds no
// change without its entry and no entry without its change. CAPTURE_CRASHES
// says how often for each database (default 8).
func testCrash(t *testing.T) {
	times := 8
	if s := os.Getenv("CAPTURE_CRASHES"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		times = n
	}
	for _, name := range dbtest.Names {
		if name == "mariadb" {
			continue // awaitEnd can't tell there when the killed client's connections have ended
		}
		t.Run(name, func(t *testing.T) {
			e, err := newEnv(name, nil, &Account{}, &Product{}, &Note{})
			if err != nil {
				dbtest.Missing(t, err)
			}
			t.Cleanup(func() { require.NoError(t, e.base.Close()) })
			entries := 0
			for range times {
				mark, err := e.judge.Mark(context.Background(), e.base.SQL)
				require.NoError(t, err)
				since := time.Now()
				crash(t, e)
				require.Empty(t, e.verdict(mark, since))
				entries += len(e.entries)
			}
			t.Logf("%d programs killed, %d entries", times, entries)
			require.NotZero(t, entries, "the programs were killed before they wrote anything")
		})
	}
}

// crash starts a writer, and kills it once it has written for a little while.
func crash(t *testing.T, e *env) {
	t.Helper()
	self, _, _ := strings.Cut(t.Name(), "/")
	c := exec.Command(os.Args[0], "-test.run=^"+self+"$")
	c.Env = append(os.Environ(), writerVar+"="+e.name+" "+e.base.DSN)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "writing\n", line)
	time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
	require.NoError(t, c.Process.Kill())
	_, _ = io.Copy(io.Discard, out)
	require.Error(t, c.Wait(), "it ended by itself")
	e.awaitEnd(t)
}

// awaitEnd waits until the server has seen that its client is gone: until then
// a commit may be under way.
func (e *env) awaitEnd(t *testing.T) {
	if e.name != "postgres" {
		return
	}
	require.Eventually(t, func() bool {
		var n int
		err := e.base.SQL.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'writer'`).Scan(&n)
		return err == nil && n == 0
	}, 20*time.Second, 10*time.Millisecond)
}

// writer is the program that is killed, when the environment says so.
func writer() bool {
	name, dsn, ok := strings.Cut(os.Getenv(writerVar), " ")
	if !ok {
		return false
	}
	if err := write(name, dsn); err != nil {
		fmt.Fprintln(os.Stderr, "the writer failed:", err)
		os.Exit(1)
	}
	return true
}

func write(name, dsn string) error {
	if name == "postgres" {
		dsn += " application_name=writer"
	}
	base, err := dbtest.Reopen(name, dsn)
	if err != nil {
		return err
	}
	db, err := gorm.Open(base.Dialector(), config())
	if err != nil {
		return err
	}
	store, err := gormstore.New(db, nil)
	if err != nil {
		return err
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		return err
	}
	if err := db.Use(hooks.New(trail, nil)); err != nil {
		return err
	}
	fmt.Println("writing")
	failed := make(chan error)
	for range 3 {
		go func() {
			for {
				if err := scribble(db); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// scribble writes alone, in transactions, and in transactions that are undone.
func scribble(db *gorm.DB) error {
	n := rand.IntN(1000)
	switch rand.IntN(4) {
	case 0:
		return db.Create(&[]Note{{Text: fmt.Sprint(n)}, {Text: fmt.Sprint(n)}}).Error
	case 1:
		return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"price"})}).
			Create(&Product{Code: fmt.Sprint(n % 7), Price: n}).Error
	case 2:
		return db.Where("text LIKE ?", fmt.Sprint(n%10, "%")).Delete(&Note{}).Error
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		a := Account{Owner: fmt.Sprint(n)}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		if err := tx.Model(&a).Update("balance", gorm.Expr("balance + ?", n)).Error; err != nil {
			return err
		}
		if n%3 == 0 {
			return errUndo
		}
		return nil
	})
	if err == errUndo {
		return nil
	}
	return err
}
