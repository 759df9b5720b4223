package browser

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

// preparing is a trail whose files can be prepared in the background.
func preparing(t *testing.T, opts *export.JobsOptions, entries ...audit.Entry) (*audit.Trail, *export.Jobs) {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), entries...))
	folder, err := export.Folder(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, folder.Close()) })
	jobs, err := export.NewJobs(context.Background(), trail, folder, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, jobs.Close(context.Background())) })
	return trail, jobs
}
