package hooks_test

import (
	"testing"

	"github.com/gormtrail/audit/internal/capturetest"
)

// The judge's SQLite part runs here, beside what it judges; integration/capture
// runs the same on PostgreSQL and MariaDB.

func TestCases(t *testing.T) { capturetest.Cases(t) }

func TestCrash(t *testing.T) { capturetest.Crashes(t) }

func TestPrograms(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 4
	}
	capturetest.Programs(t, n)
}

func TestDisguises(t *testing.T) { capturetest.Disguises(t, 1000) }

func TestRawTexts(t *testing.T) { capturetest.RawTexts(t) }

func TestReadOnlyTransactions(t *testing.T) { capturetest.ReadOnly(t) }

func TestTrailWrites(t *testing.T) { capturetest.TrailWrites(t) }

func TestTrailWritesOfSuites(t *testing.T) { capturetest.TrailWritesAllowed(t) }

func TestTransactionsEndedByHand(t *testing.T) { capturetest.EndByHand(t) }
