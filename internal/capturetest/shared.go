package capturetest

import (
	"sync"
	"testing"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// shared are the environments that are opened once for all tests of a suite, and
// closed at its end.
type shared struct {
	sync.Mutex
	open map[string]*env
	errs map[string]error
	old  []*env
}

var envs = shared{open: map[string]*env{}, errs: map[string]error{}}

// drop has the next test open another one.
func (s *shared) drop(e *env) {
	s.Lock()
	defer s.Unlock()
	delete(s.open, e.name)
	s.old = append(s.old, e)
}

// get returns an environment with empty tables, a new one if there is none or
// the last test left it unusable.
func (s *shared) get(name string) (*env, error) {
	s.Lock()
	defer s.Unlock()
	if e := s.open[name]; e != nil {
		if recovered(e.reset) == "" {
			return e, nil
		}
		s.old = append(s.old, e)
		s.open[name] = nil
	}
	if s.errs[name] == nil {
		s.open[name], s.errs[name] = newEnv(name, nil)
	}
	return s.open[name], s.errs[name]
}

func envFor(t *testing.T, name string) *env {
	t.Helper()
	e, err := envs.get(name)
	if err != nil {
		dbtest.Missing(t, err)
	}
	return e
}

// close drops the shared databases.
func (s *shared) close(t *testing.T) {
	s.Lock()
	defer s.Unlock()
	for _, e := range s.open {
		if e != nil {
			s.old = append(s.old, e)
		}
	}
	for _, e := range s.old {
		if err := e.base.Close(); err != nil {
			t.Errorf("dropping the %s database: %v", e.name, err)
		}
	}
	s.open, s.errs, s.old = map[string]*env{}, map[string]error{}, nil
}
