package hooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type synced struct {
	ID      uint
	Name    string
	Made    time.Time `gorm:"autoCreateTime"`
	Touched int64     `gorm:"autoUpdateTime:milli"`
}

func (synced) AuditType() string { return "feed" }

// The catalogue learns which columns GORM sets when the model is first used, under the
// type that the entries have.
func TestCatalogueLearnsAutomaticColumns(t *testing.T) {
	h := newHost(t, setup{models: []any{&synced{}}})
	require.NoError(t, h.db.Create(&synced{Name: "a"}).Error)
	for column, want := range map[string]bool{"made": true, "touched": true, "name": false, "id": false} {
		require.Equal(t, want, h.trail.Catalogue().Automatic("feed", column), column)
		require.False(t, h.trail.Catalogue().Automatic("synceds", column), column)
	}
}
