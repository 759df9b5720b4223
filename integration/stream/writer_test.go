package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gormtrail/audit"
)

// writerVariable makes the test's own program a writer: its name, the kind of
// database and how to reach it.
const writerVariable = "AUDIT_STREAM_WRITER"

func TestMain(m *testing.M) {
	words := strings.SplitN(os.Getenv(writerVariable), " ", 3)
	if len(words) != 3 {
		os.Exit(m.Run())
	}
	if err := writeAll(words[0], words[1], words[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	writersInProcess = 4
	transactionsEach = 25
)

// writeAll writes in transactions that overlap, some of which stay open for long
// and some of which are rolled back, and prints when each began and when it was
// committed.
func writeAll(name, kind, dsn string) error {
	p, err := connect(kind, dsn)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	failed := make(chan error, writersInProcess)
	for w := range writersInProcess {
		all.Go(func() {
			for i := range transactionsEach {
				tx := fmt.Sprintf("%s.%d.%d", name, w, i)
				if err := p.writeOne(tx, kind); err != nil {
					failed <- fmt.Errorf("%s: %w", tx, err)
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return errors.Join(<-failed, p.pool.Close())
}

func (p *program) writeOne(name, kind string) error {
	ctx := context.Background()
	linger := time.Duration(rand.IntN(30)) * time.Millisecond
	if rand.IntN(15) == 0 && kind != "sqlite" { // where nobody else could write meanwhile
		linger = time.Second
	}
	began := time.Now().UnixNano()
	tx, err := p.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for part := range 1 + rand.IntN(3) {
		ready, err := p.trail.Enrich(ctx, audit.Entry{Action: []string{"create", "update"}[part%2], Object: audit.Object{Type: "t", ID: fmt.Sprintf("%s/%d", name, part)}})
		if err != nil {
			return err
		}
		if err := p.store.AppendTx(ctx, tx, ready...); err != nil {
			return err
		}
		time.Sleep(linger / 2)
	}
	if rand.IntN(6) == 0 {
		return tx.Rollback()
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	fmt.Printf("%s %d %d\n", name, began, time.Now().UnixNano())
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	return nil
}
