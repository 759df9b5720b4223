package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Dir is a Storage in a folder of the file system, and a Remover. See Folder.
type Dir struct{ root *os.Root }

var _ interface {
	Storage
	Remover
} = (*Dir)(nil)

// Folder returns a Storage in the folder dir, which it creates if it isn't there. Files
// can be read by their owner alone (0600). They are synced to disk and renamed when
// they are whole, so a crash leaves no half file under a job's name. Names can't lead
// out of the folder, also not through a symbolic link.
//
// The folder holds entries of the audit log in plain text: keep it off shared and
// unencrypted disks, and out of what your web server serves.
func Folder(dir string) (*Dir, error) {
	if dir == "" {
		return nil, errors.New("export: Folder needs a name")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("export: the folder of prepared files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("export: the folder of prepared files: %w", err)
	}
	return &Dir{root}, nil
}

// Close gives back the folder. Close the Jobs that use it first.
func (d *Dir) Close() error { return d.root.Close() }

const (
	maxObjectName = 100
	unfinished    = ".part" // the end of a file's name while it is being written
)

// checkName refuses what isn't a plain file name.
func checkName(name string) error {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.'
	}
	if name == "" || len(name) > maxObjectName || name[0] == '.' || strings.HasSuffix(name, unfinished) ||
		strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return fmt.Errorf("export: %.40q can't be the name of a prepared file: %w", name, fs.ErrInvalid)
	}
	return nil
}

// Create implements Storage.
func (d *Dir) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return nil, err
	}
	part := name + unfinished
	if err := d.remove(part); err != nil { // of a process that was killed
		return nil, err
	}
	file, err := d.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &dirFile{ctx: ctx, dir: d, name: name, file: file}, nil
}

// Open implements Storage.
func (d *Dir) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return nil, err
	}
	return d.root.Open(name)
}

// Remove implements Remover.
func (d *Dir) Remove(ctx context.Context, name string) error {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return err
	}
	return errors.Join(d.remove(name), d.remove(name+unfinished))
}

func (d *Dir) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sync makes renames in the folder durable. Not every system can; those that can't
// do so by themselves.
func (d *Dir) sync() {
	if dir, err := d.root.Open("."); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
}

// dirFile is a file that is being written.
type dirFile struct {
	ctx    context.Context
	dir    *Dir
	name   string
	file   *os.File
	err    error // the first one
	closed bool
}

func (f *dirFile) Write(p []byte) (int, error) {
	if f.err == nil {
		f.err = f.ctx.Err()
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.file.Write(p)
	f.err = err
	return n, err
}

// Close gives the file its name, or removes it after an error.
func (f *dirFile) Close() error {
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	if f.err == nil {
		f.err = f.ctx.Err()
	}
	if f.err == nil {
		f.err = f.file.Sync()
	}
	f.err = errors.Join(f.err, f.file.Close())
	if f.err == nil {
		f.err = f.dir.root.Rename(f.name+unfinished, f.name)
	}
	if f.err != nil {
		return errors.Join(f.err, f.dir.remove(f.name+unfinished))
	}
	f.dir.sync()
	return nil
}
