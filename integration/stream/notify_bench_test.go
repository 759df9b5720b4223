package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/pgnotify"
	"github.com/gormtrail/audit/stream"
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

// BenchmarkOtherProcess is how long an entry of one process takes to a hub of
// another, by the hub's clock alone and with a notifier in both. An iteration is
// an entry; they come at moments that have nothing to do with the clock.
func BenchmarkOtherProcess(b *testing.B) {
	for _, way := range []string{"clock", "pgnotify"} {
		b.Run(way, func(b *testing.B) {
			dsn := newPostgres(b)
			writer, reader := start(b, "postgres", dsn), start(b, "postgres", dsn)
			opts := &stream.HubOptions{}
			if way == "pgnotify" {
				for _, p := range []*program{writer, reader} {
					n, err := pgnotify.New(p.trail, dsn, nil)
					require.NoError(b, err)
					defer n.Close(context.Background())
					opts.Wake = n.Wake() // the reader's, in the end
				}
				time.Sleep(500 * time.Millisecond) // they connect
			}
			hub, err := stream.NewHub(reader.trail, opts)
			require.NoError(b, err)
			r, err := hub.Follow(b.Context(), audit.Filter{}, "")
			require.NoError(b, err)
			defer r.Close()
			var delays []time.Duration
			next := func() {
				go func() {
					time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
					writer.record(b, fmt.Sprint(time.Now().UnixNano()))
				}()
				events, err := r.Next(b.Context())
				require.NoError(b, err)
				var at int64
				_, err = fmt.Sscan(events[0].Object.ID, &at)
				require.NoError(b, err)
				delays = append(delays, time.Duration(time.Now().UnixNano()-at))
			}
			next() // it has joined
			delays = nil
			for b.Loop() {
				next()
			}
			slices.Sort(delays)
			b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
			require.NoError(b, hub.Close(context.Background()))
		})
	}
}
