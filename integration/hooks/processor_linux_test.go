package hooks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

// processor tells the time that this process and the threads of a server that
// work for one database have spent on processors. A busy machine stretches what
// a clock shows several times, and this hardly.
type processor struct{ server []string }

// processorOf finds the server's threads; nil where they can't be looked at: the
// server is on another machine, or another user's.
func processorOf(tb testing.TB, db *gorm.DB) *processor {
	tb.Helper()
	var threads []int
	switch db.Dialector.Name() {
	case "postgres":
		require.NoError(tb, db.Raw("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").Scan(&threads).Error)
	case "mysql":
		require.NoError(tb, db.Raw("SELECT TID FROM information_schema.PROCESSLIST WHERE DB = DATABASE()").Scan(&threads).Error)
	}
	p := &processor{}
	for _, id := range threads {
		found, _ := filepath.Glob(fmt.Sprintf("/proc/[0-9]*/task/%d/schedstat", id))
		if len(found) == 0 {
			return nil
		}
		p.server = append(p.server, found[0])
	}
	return p
}

// spent is the time until now.
func (p *processor) spent() time.Duration {
	if p == nil {
		return 0
	}
	if len(p.server) > 0 {
		time.Sleep(300 * time.Microsecond) // a thread's time is counted when it stops to run
	}
	var own syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own) // fails for a bad address alone
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, name := range p.server {
		raw, _ := os.ReadFile(name)
		first, _, _ := strings.Cut(string(raw), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}
