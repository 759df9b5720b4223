package stream

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/pgnotify"
	"github.com/gormtrail/audit/viewer"
)

// mount is what a host does.
func mount(mux *http.ServeMux, trail *audit.Trail, dsn string, authorize access.Authorize) (end func(context.Context) error, err error) {
	// region notify
	notifier, err := pgnotify.New(trail, dsn, nil) // in every process that writes or follows
	if err != nil {
		return nil, err
	}
	page, err := viewer.New(trail, &viewer.Options{
		Authorize: authorize,
		Wake:      notifier.Wake(),
	})
	// endregion
	if err != nil {
		return nil, err
	}
	mux.Handle("/audit", page)
	return notifier.Close, nil
}

// TestPageShowsWhatAnotherProcessWrites, with a notifier in both.
func TestPageShowsWhatAnotherProcessWrites(t *testing.T) {
	leaves(t)
	dsn := newPostgres(t)
	reader, writer := start(t, "postgres", dsn), start(t, "postgres", dsn)
	mux := http.NewServeMux()
	for _, p := range []*program{reader, writer} {
		on := http.NewServeMux()
		if p == reader {
			on = mux
		}
		end, err := mount(on, p.trail, dsn, access.InsecureForDevelopment)
		require.NoError(t, err)
		defer func() { require.NoError(t, end(context.Background())) }()
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	defer func() { require.NoError(t, reader.trail.Close(context.Background())) }()
	answer, err := server.Client().Get(server.URL + "/audit?live=sse&format=json")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	lines := bufio.NewScanner(answer.Body)
	for n := 0; n < 2 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case !ok:
		case n == 0: // where the feed begins
			writer.record(t, "written elsewhere")
			n++
		case strings.Contains(data, `"written elsewhere"`):
			n++
		}
	}
	require.NoError(t, lines.Err())
}
