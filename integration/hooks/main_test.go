package hooks_test

import (
	"os"
	"testing"

	"github.com/gormtrail/audit/integration/servertest"
)

func TestMain(m *testing.M) {
	servertest.Register()
	os.Exit(m.Run())
}
