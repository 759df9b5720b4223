package export

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/gormtrail/audit/access"
)

// ServeFile sends the file of a finished job as an attachment, to a GET or HEAD from the
// same origin. The download is recorded before the first byte. The file's last bytes are
// held back until its SHA-256 has been compared: if it was changed meanwhile, the
// connection is cut (http.ErrAbortHandler).
//
// An error is returned while nothing is sent: access.ErrDenied, ErrNoJob, ErrWithheld,
// ErrNoFile, and others if the storage or the trail fails.
func (s *Jobs) ServeFile(w http.ResponseWriter, r *http.Request, grant access.Grant, id string) error {
	if !access.SameOrigin(r, nil) {
		return access.ErrDenied
	}
	j, seen, err := s.find(grant, id)
	switch {
	case err != nil:
		return err
	case !grant.Export:
		return access.ErrDenied
	case seen.Withheld:
		return ErrWithheld
	case seen.State != JobFinished:
		return ErrNoFile
	}
	file, err := s.openFile(r.Context(), j)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	head := w.Header()
	announce := func() {
		head.Set("Content-Type", j.Media)
		head.Set("Content-Disposition", disposition(seen.File))
		head.Set("Content-Length", strconv.FormatInt(seen.Bytes, 10))
		head.Set("Accept-Ranges", "none")
		head.Set("Cache-Control", "no-store")
		head.Set("X-Content-Type-Options", "nosniff")
	}
	if r.Method == http.MethodHead {
		announce()
		return nil
	}
	err = s.record(actingAs(r.Context(), grant), j, "downloaded", map[string]any{"bytes": seen.Bytes, "sha256": seen.SHA256}, nil)
	if err != nil {
		return fmt.Errorf("export: a download: %w", err)
	}
	body := &body{w: newPaced(w, s.opts.WriteTimeout), begin: announce}
	if err := s.send(body, file, seen); err != nil {
		if !body.begun {
			return err
		}
		if r.Context().Err() == nil { // a client that went away is no failure
			s.opts.Logger.ErrorContext(r.Context(), "audit export: a download failed halfway", "job", id, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// openFile opens the file of a finished job. If the storage has none, the job is shown
// as failed from then on.
func (s *Jobs) openFile(ctx context.Context, j *job) (io.ReadCloser, error) {
	file, err := s.storage.Open(ctx, j.ID)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	s.mu.Lock()
	if j.State == JobFinished {
		j.State, j.Problem = JobFailed, textJobGone
	}
	s.mu.Unlock()
	s.opts.Logger.ErrorContext(ctx, "audit export: the storage has lost the file of a job", "job", j.ID)
	return nil, ErrNoFile
}

var errChanged = errors.New("export: a prepared file isn't what was stored")

// send copies the file to the client, its last bytes once it is known to be whole.
func (s *Jobs) send(to *body, file io.Reader, j Job) error {
	out := newTail(to, true)
	n, err := io.Copy(out, io.LimitReader(file, j.Bytes+1))
	if err == nil && (n != j.Bytes || hex.EncodeToString(out.sum.Sum(nil)) != j.SHA256) {
		err = errChanged
	}
	if err == nil {
		err = out.flush()
	}
	if err == nil {
		err = to.finish()
	}
	return err
}
