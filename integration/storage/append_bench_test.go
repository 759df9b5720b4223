package storage

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"
)

// BenchmarkAppendTx is the append path alone, in transactions that are rolled
// back, for some numbers of entries.
func BenchmarkAppendTx(b *testing.B) {
	for _, s := range servers {
		for _, n := range []int{1, 4, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				db := open(b, s.create(b))
				appendAndRollBack(b, db, migrated(b, db, nil), n)
			})
		}
	}
}

func appendAndRollBack(b *testing.B, db *gorm.DB, store *gormstore.Store, n int) {
	ctx := context.Background()
	g := newGenerator(1)
	require.NoError(b, store.Append(ctx, g.entries(5000)...))
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		entries := g.entries(n)
		tx, err := pool(b, db).BeginTx(ctx, nil)
		require.NoError(b, err)
		b.StartTimer()
		require.NoError(b, store.AppendTx(ctx, tx, entries...))
		b.StopTimer()
		require.NoError(b, tx.Rollback())
		b.StartTimer()
	}
}
