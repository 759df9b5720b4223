package viewer_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPages(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(300)...), nil)
	page := body(t, h, "?per=100")
	require.Equal(t, 100, rowsIn(page))
	if dir := os.Getenv("DUMP"); dir != "" {
		require.NoError(t, os.WriteFile(dir+"/list.html", []byte(page), 0o600))
		require.NoError(t, os.WriteFile(dir+"/entry.html", []byte(body(t, h, "?entry=01980000-0000-7000-8000-000000000007")), 0o600))
	}
	require.Equal(t, http.StatusOK, get(h, "?entry=01980000-0000-7000-8000-000000000007&view=state").Code)
}
