package storagetest_test

import (
	"testing"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

func TestMemoryStoreKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) audit.Store { return memstore.New() })
}
