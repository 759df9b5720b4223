package export_test

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/export"
)

func newFolder(t testing.TB) (*export.Dir, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "prepared", "files")
	folder, err := export.Folder(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, folder.Close()) })
	return folder, dir
}

func namesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func put(t testing.TB, s export.Storage, name, text string) {
	t.Helper()
	w, err := s.Create(t.Context(), name)
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func contentOf(t testing.TB, s export.Storage, name string) string {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

func TestFolderKeepsWholeFilesForTheirOwner(t *testing.T) {
	folder, dir := newFolder(t)
	w, err := folder.Create(t.Context(), "one")
	require.NoError(t, err)
	_, err = io.WriteString(w, "half")
	require.NoError(t, err)
	_, err = folder.Open(t.Context(), "one")
	require.ErrorIs(t, err, fs.ErrNotExist, "nothing is there before Close")
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Close(), fs.ErrClosed)
	require.Equal(t, "half", contentOf(t, folder, "one"))
	put(t, folder, "one", "another")
	require.Equal(t, "another", contentOf(t, folder, "one"))
	require.Equal(t, []string{"one"}, namesIn(t, dir))
	if runtime.GOOS != "windows" {
		for path, mode := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "one"): 0o600} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode().Perm(), path)
		}
	}
	require.NoError(t, folder.Remove(t.Context(), "one"))
	require.NoError(t, folder.Remove(t.Context(), "one"))
	require.Empty(t, namesIn(t, dir))
}

func TestFolderAbandonsWhatIsCancelled(t *testing.T) {
	folder, dir := newFolder(t)
	put(t, folder, "one", "before")
	ctx, cancel := context.WithCancel(t.Context())
	w, err := folder.Create(ctx, "one")
	require.NoError(t, err)
	_, err = io.WriteString(w, "after")
	require.NoError(t, err)
	cancel()
	_, err = io.WriteString(w, "more")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, w.Close(), context.Canceled)
	require.Equal(t, "before", contentOf(t, folder, "one"))
	require.Equal(t, []string{"one"}, namesIn(t, dir))
	_, err = folder.Create(ctx, "two")
	require.ErrorIs(t, err, context.Canceled)
	_, err = folder.Open(ctx, "one")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, folder.Remove(ctx, "one"), context.Canceled)
}

// A process that was killed leaves a part, which neither hinders the next one nor stays.
func TestFolderClearsWhatAKilledProcessLeft(t *testing.T) {
	folder, dir := newFolder(t)
	for _, name := range []string{"one.part", "two.part"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600))
	}
	put(t, folder, "one", "whole")
	require.NoError(t, folder.Remove(t.Context(), "two"))
	require.Equal(t, []string{"one"}, namesIn(t, dir))
	require.Equal(t, "whole", contentOf(t, folder, "one"))
}

func TestFolderNamesCannotEscape(t *testing.T) {
	folder, dir := newFolder(t)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
	for _, name := range []string{
		"", ".", "..", "../outside", "a/b", `..\outside`, "/etc/passwd", "A", "a b", "a\x00b", "a\n", ".hidden", "über", "one.part", "c:", "con:x", "%2e%2e", strings.Repeat("a", 101),
	} {
		_, err := folder.Create(t.Context(), name)
		require.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
		_, err = folder.Open(t.Context(), name)
		require.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
		require.ErrorIs(t, folder.Remove(t.Context(), name), fs.ErrInvalid, "%q", name)
	}
	require.Empty(t, namesIn(t, dir))
	if runtime.GOOS == "windows" {
		return // symbolic links need rights there
	}
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	_, err := folder.Open(t.Context(), "link")
	require.Error(t, err, "a link doesn't lead out either")
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "two.part")))
	put(t, folder, "two", "mine")
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "secret", string(text))
	_, err = export.Folder("")
	require.Error(t, err)
	_, err = export.Folder(outside)
	require.Error(t, err)
}
