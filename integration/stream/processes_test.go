package stream

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/stream"
)

// committed is a transaction that a writer has told of.
type committed struct {
	name       string
	began, end int64
}

// writers are other programs that write; one of them is killed in the middle.
// The result are the transactions whose commit was told.
func writers(t *testing.T, kind, dsn string, n int) (told []committed) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), fmt.Sprintf("%s=w%d %s %s", writerVariable, i, kind, dsn))
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		all.Go(func() {
			lines := 0
			for s := bufio.NewScanner(out); s.Scan(); {
				var tx committed
				if _, err := fmt.Sscan(s.Text(), &tx.name, &tx.began, &tx.end); err != nil {
					continue // cut off by the kill
				}
				mu.Lock()
				told = append(told, tx)
				mu.Unlock()
				if lines++; i == 0 && lines == 30 {
					_ = c.Process.Kill()
				}
			}
			if err := c.Wait(); err != nil && i > 0 {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	all.Wait()
	return told
}

// TestFollowersOfSeveralProcesses: whatever happens to writers, readers and
// connections, each follower gets each committed entry once, and nothing that
// was rolled back; and what was committed before something else began comes
// before it.
func TestFollowersOfSeveralProcesses(t *testing.T) {
	for kind, create := range databases {
		t.Run(kind, func(t *testing.T) {
			dsn := create(t)
			p := start(t, kind, dsn)
			reader := dsn
			if kind == "postgres" {
				reader += "&application_name=audit_reader"
			}
			readers := start(t, kind, reader)
			hub, err := stream.NewHub(readers.trail, nil)
			require.NoError(t, err)
			p.record(t, "before")
			head, err := stream.Head(t.Context(), p.trail)
			require.NoError(t, err)
			updates := audit.Filter{Actions: []string{"update"}}
			followers := []*follower{
				{name: "tail", read: tail(readers, false)},
				{name: "restless tail", read: tail(readers, true)},
				{name: "restless tail of updates", read: tail(readers, true), filter: updates},
				{name: "hub", read: follow(hub, false)},
				{name: "restless hub", read: follow(hub, true)},
				{name: "restless hub of updates", read: follow(hub, true), filter: updates},
				{name: "other processes", read: reconnect(kind, reader)},
				{name: "sleeper", read: sleeper(readers)},
			}
			ctx, stop := context.WithCancel(t.Context())
			var reading sync.WaitGroup
			for _, f := range followers {
				f.after = head
				reading.Go(func() { f.run(ctx, t) })
			}
			breaking, whole := context.WithCancel(ctx)
			if kind == "postgres" {
				reading.Go(func() { breakConnections(breaking, p) })
			}
			told := writers(t, kind, dsn, 3)
			whole()
			truth := map[string]audit.Entry{}
			for e, err := range p.trail.All(t.Context(), audit.Query{Filter: audit.Filter{Not: []audit.Filter{{ObjectIDs: []string{"before"}}}}}) {
				require.NoError(t, err)
				truth[e.Object.ID] = e
			}
			require.Greater(t, len(truth), 200)
			for _, f := range followers {
				want := map[string]bool{}
				for id, e := range truth {
					if f.filter.Match(e) {
						want[id] = true
					}
				}
				require.Eventually(t, func() bool { return len(f.list()) >= len(want) }, time.Minute, 20*time.Millisecond, "%s got %d of %d", f.name, len(f.list()), len(want))
			}
			time.Sleep(500 * time.Millisecond) // for what comes twice
			stop()
			reading.Wait()
			require.NoError(t, hub.Close(context.Background()))
			for _, f := range followers {
				checkOnce(t, f, truth)
				checkOrder(t, f, told)
			}
			checkPurged(t, p, head)
		})
	}
}

// breakConnections ends the readers' connections, as a server does that starts
// anew.
func breakConnections(ctx context.Context, p *program) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(400 * time.Millisecond):
			_ = p.db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'audit_reader'").Error
		}
	}
}

func checkOnce(t *testing.T, f *follower, truth map[string]audit.Entry) {
	seen := map[string]bool{}
	for _, id := range f.got {
		require.False(t, seen[id], "%s got %s twice", f.name, id)
		require.Contains(t, truth, id, "%s got what was never committed", f.name)
		seen[id] = true
	}
	for id, e := range truth {
		require.Equal(t, f.filter.Match(e), seen[id], "%s and %s", f.name, id)
	}
}

// checkOrder holds a follower to the order of transactions that did not overlap.
func checkOrder(t *testing.T, f *follower, told []committed) {
	first, last := map[string]int{}, map[string]int{}
	for i, id := range f.got {
		tx, _, _ := strings.Cut(id, "/")
		if _, known := first[tx]; !known {
			first[tx] = i
		}
		last[tx] = i
	}
	compared := 0
	for _, a := range told {
		for _, b := range told {
			if a.end >= b.began {
				continue
			}
			end, knownA := last[a.name]
			begin, knownB := first[b.name]
			if knownA && knownB {
				require.Less(t, end, begin, "%s: %s was committed before %s began", f.name, a.name, b.name)
				compared++
			}
		}
	}
	require.NotZero(t, compared)
}

// checkPurged: a position from before a purge goes on with what is left.
func checkPurged(t *testing.T, p *program, head string) {
	for {
		n, err := p.store.Purge(t.Context(), audit.Filter{}, 1000)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	p.record(t, "after the purge")
	for e, err := range stream.Tail(t.Context(), p.trail, audit.Filter{}, head) {
		require.NoError(t, err)
		require.Equal(t, "after the purge", e.Object.ID)
		break
	}
}
