package stream

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/pgnotify"
)

// BenchmarkNotify is what it costs a host that other processes are told of its
// entries: transactions of one row and one entry, by 1, 8 and 32 writers at
// once. In one way PostgreSQL's NOTIFY is sent in each transaction, as a trigger
// does it; in the other by package pgnotify. The ways take turns, and the
// figures are their times over those of a host that tells nobody: the median of
// the rounds. Another process listens in all of them.
func BenchmarkNotify(b *testing.B) {
	for _, writers := range []int{1, 8, 32} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			dsn := newPostgres(b)
			host, other := start(b, "postgres", dsn), start(b, "postgres", dsn)
			host.pool.SetMaxOpenConns(writers)
			host.pool.SetMaxIdleConns(writers)
			require.NoError(b, host.db.Exec("CREATE TABLE things (id bigserial PRIMARY KEY, name text)").Error)
			require.NoError(b, host.db.Exec("CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('audit_entries', ''); RETURN NULL; END $$").Error)
			listener, err := pgnotify.New(other.trail, dsn, nil)
			require.NoError(b, err)
			ways := []string{"silent", "trigger", "pgnotify"}
			times := map[string][]float64{}
			run := func(way string) {
				times[way] = append(times[way], write(b, host, dsn, way, writers))
			}
			write(b, host, dsn, "silent", writers) // the tables and connections are warm
			for round := 0; b.Loop(); round++ {
				for i := range ways {
					run(ways[(i+round)%len(ways)])
				}
			}
			for _, way := range ways[1:] {
				ratios := make([]float64, len(times[way]))
				for i := range ratios {
					ratios[i] = times[way][i] / times["silent"][i]
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], way+"/silent")
				if os.Getenv("VERBOSE") != "" {
					b.Logf("%s: %.2f", way, ratios)
				}
			}
			require.NoError(b, listener.Close(context.Background()))
		})
	}
}

// write lets the writers commit 600 transactions, and returns the seconds.
func write(b *testing.B, host *program, dsn, way string, writers int) float64 {
	ctx := context.Background()
	switch way {
	case "trigger":
		require.NoError(b, host.db.Exec("CREATE TRIGGER tell AFTER INSERT ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION tell()").Error)
		defer func() { require.NoError(b, host.db.Exec("DROP TRIGGER tell ON audit_entries").Error) }()
	case "pgnotify":
		n, err := pgnotify.New(host.trail, dsn, nil)
		require.NoError(b, err)
		time.Sleep(200 * time.Millisecond) // it connects
		defer func() { require.NoError(b, n.Close(ctx)) }()
	}
	const transactions = 600
	var all sync.WaitGroup
	begin := time.Now()
	for range writers {
		all.Go(func() {
			for range transactions / writers {
				if err := host.change(ctx); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return time.Since(begin).Seconds()
}

// change is a host's transaction.
func (p *program) change(ctx context.Context) error {
	tx, err := p.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO things (name) VALUES ('x')"); err != nil {
		return err
	}
	ready, err := p.trail.Enrich(ctx, audit.Entry{Action: "create", Object: audit.Object{Type: "things", ID: "1"}})
	if err != nil {
		return err
	}
	if err := p.store.AppendTx(ctx, tx, ready...); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	p.trail.Committed()
	return nil
}
