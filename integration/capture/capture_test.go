package capture

import (
	"os"
	"testing"

	"github.com/gormtrail/audit/integration/servertest"
	"github.com/gormtrail/audit/internal/capturetest"
)

func TestMain(m *testing.M) {
	servertest.Register()
	capturetest.Use(capturetest.Extras{Generics: generics, Resolver: resolver})
	os.Exit(m.Run())
}

func TestCases(t *testing.T) { capturetest.Cases(t) }

func TestCrash(t *testing.T) { capturetest.Crashes(t) }

func TestJudge(t *testing.T) { capturetest.Judge(t) }

func TestPrograms(t *testing.T) { capturetest.Programs(t, 6) }

func TestDisguises(t *testing.T) { capturetest.Disguises(t, 200) }

func TestRawTexts(t *testing.T) { capturetest.RawTexts(t) }

func TestReadOnlyTransactions(t *testing.T) { capturetest.ReadOnly(t) }

func TestTrailWrites(t *testing.T) { capturetest.TrailWrites(t) }

func TestTrailWritesOfSuites(t *testing.T) { capturetest.TrailWritesAllowed(t) }

func TestTransactionsEndedByHand(t *testing.T) { capturetest.EndByHand(t) }
