package stream

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/seal"
)

// sealer makes the positions that clients get, and reads them. A store's positions
// count the entries of all tenants. Sealed they can't be read, and they begin with
// random bytes: two positions of one place differ, so that nobody sees whether others
// have written meanwhile.
type sealer struct{ box *seal.Box }

const saltSize = 8

func newSealer(ctx context.Context, trail *audit.Trail) (*sealer, error) {
	const purpose = "live position"
	key, err := trail.SubKey(ctx, nil, purpose)
	if err != nil {
		return nil, err
	}
	return &sealer{seal.New(key, trail.FormerSubKeys(purpose)...)}, nil
}

func (s *sealer) position(p place) string {
	text := make([]byte, saltSize, saltSize+8*len(p.seen)+64)
	_, _ = rand.Read(text) // never fails
	return s.box.Seal(string(p.appendTo(text)))
}

// errNoPosition: the text doesn't even have the form of a position.
var errNoPosition = fmt.Errorf("stream: this is not a position: %w", audit.ErrBadCursor)

// maxPosition is how long a client's position may be, in bytes. One of a store is
// short, and one between two answers has a few marks of each.
const maxPosition = 256 << 10

// place is audit.ErrBadCursor for a position that was made up, or sealed with a key
// that the trail no longer has.
func (s *sealer) place(position string) (place, error) {
	if len(position) > maxPosition || !seal.WellFormed(position) {
		return place{}, errNoPosition
	}
	text, ok := s.box.Open(position)
	if !ok || len(text) < saltSize {
		return place{}, audit.ErrBadCursor
	}
	p, ok := parsePlace([]byte(text[saltSize:]))
	if !ok {
		return place{}, audit.ErrBadCursor
	}
	return p, nil
}
