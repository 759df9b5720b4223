package storage

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore"
)

// sizesVariable is how many entries BenchmarkScale's trails have: numbers with
// commas between. Each is compared with the first.
const sizesVariable = "AUDIT_STORAGE_SIZES"

func sizes(t testing.TB) (sizes []int) {
	list := os.Getenv(sizesVariable)
	if list == "" {
		list = "100000"
	}
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("%s: %q is no number of entries", sizesVariable, s)
		}
		sizes = append(sizes, n)
	}
	return sizes
}

// trail is a loaded trail under measurement.
type trail struct {
	kind  string
	size  int
	store *gormstore.Store // with the keyword index
	plain *gormstore.Store // without
	db    *sql.DB
	deep  storage.Position // the 50,000th newest entry of the largest tenant
	head  string           // the feed's end
}

// label is a size as people say it.
func (tr *trail) label() string {
	switch {
	case tr.size%1_000_000 == 0:
		return fmt.Sprintf("%dM", tr.size/1_000_000)
	case tr.size%1000 == 0:
		return fmt.Sprintf("%dk", tr.size/1000)
	}
	return strconv.Itoa(tr.size)
}

// timings are of one question at one trail: asked through the store, and by
// hand.
type timings struct{ store, hand []time.Duration }

// question is what hosts ask, as a call and as the best SQL that one would write
// for it by hand with the same table and indexes. Each round k asks for another
// user, record and so on, where there are several.
type question struct {
	name  string
	store func(ctx context.Context, tr *trail, k int) (answer, error)
	hand  func(ctx context.Context, tr *trail, k int) (answer, error)
}

// answer is what both must agree in.
type answer []string

// BenchmarkScale measures the standard questions on small and large trails and
// beside hand-written SQL, all of one question in turns. It reports the median
// and the 99th percentile in milliseconds; of the 10th percentile how many times
// that of the first size it is; and how many times the hand-written SQL, as the
// geometric mean of the rounds: in half of them the store comes first, and reads
// from the disk what the other then finds in memory. -benchtime 100x makes the
// percentile one; a question that takes long is asked less often.
func BenchmarkScale(b *testing.B) {
	for _, s := range servers[:2] {
		b.Run(s.name, func(b *testing.B) {
			var trails []*trail
			for _, n := range sizes(b) {
				trails = append(trails, openTrail(b, s.name, n))
			}
			for _, q := range questions() {
				b.Run(q.name, func(b *testing.B) { measure(b, q, trails) })
			}
		})
	}
}

func openTrail(b *testing.B, kind string, n int) *trail {
	db, plain := trailOf(b, kind, n)
	store := migrated(b, db, &gormstore.Options{KeywordIndex: true})
	tr := &trail{kind: kind, size: n, store: store, plain: plain, db: pool(b, db)}
	ctx := context.Background()
	require.NoError(b, tr.findDeep(ctx))
	// What is kept of facets is kept from the first question about all of them on.
	_, err := store.Facets(ctx, audit.Filter{})
	require.NoError(b, err)
	tr.head, err = store.Head(ctx)
	require.NoError(b, err)
	if kind == "postgres" { // where autovacuum isn't off, it does so
		require.NoError(b, db.Exec("VACUUM (ANALYZE) audit_entries_facets, audit_entries_terms, audit_entries_terms_of").Error)
	}
	return tr
}

// undisturbed is the percentile that sizes are compared by: on a machine with other work half
// of all questions wait for a processor, however little they need of it.
const undisturbed = 10

// patience bounds how long one question is asked.
const patience = 20 * time.Second

func measure(b *testing.B, q question, trails []*trail) {
	ctx := context.Background()
	took := make([]timings, len(trails))
	began := time.Now()
	for k := range b.N {
		for i, tr := range trails {
			require.NoError(b, took[i].round(ctx, q, tr, k))
		}
		if time.Since(began) > patience && k >= 3 {
			break
		}
	}
	first := percentile(took[0].store, undisturbed)
	for i, tr := range trails {
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		b.ReportMetric(ms(median(took[i].store)), tr.label()+"-ms")
		b.ReportMetric(ms(percentile(took[i].store, 99)), tr.label()+"-p99-ms")
		b.ReportMetric(took[i].ratio(), tr.label()+"/hand")
		if i > 0 {
			b.ReportMetric(float64(percentile(took[i].store, undisturbed))/float64(first), tr.label()+"/"+trails[0].label())
		}
	}
	b.ReportMetric(0, "ns/op")
}

// round asks both ways, each first half of the time, and compares the answers.
func (t *timings) round(ctx context.Context, q question, tr *trail, k int) error {
	var answers [2]answer
	for turn := range 2 {
		way := (k + turn) % 2
		began := time.Now()
		var err error
		if way == 0 {
			answers[0], err = q.store(ctx, tr, k)
			t.store = append(t.store, time.Since(began))
		} else {
			answers[1], err = q.hand(ctx, tr, k)
			t.hand = append(t.hand, time.Since(began))
		}
		if err != nil {
			return err
		}
	}
	if !slices.Equal(answers[0], answers[1]) {
		return fmt.Errorf("round %d of %d entries: the store answers\n%v\nand the SQL\n%v", k, tr.size, answers[0], answers[1])
	}
	return nil
}

// ratio is how many times the hand's time the store takes, over pairs of rounds.
func (t timings) ratio() float64 {
	sum, n := 0.0, len(t.store)-len(t.store)%2
	for k := range max(1, n) {
		sum += math.Log(float64(t.store[k]) / float64(t.hand[k]))
	}
	return math.Exp(sum / float64(max(1, n)))
}

func median(list []time.Duration) time.Duration { return percentile(list, 50) }

func percentile(list []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
