package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/seal"
)

// sealer makes the positions that clients get, and reads them. A store's positions
// count the entries of all tenants. Sealed positions can't be read and begin with random
// bytes, so the same position looks different each time, and nobody sees whether others
// have written meanwhile.
type sealer struct{ box *seal.Box }

const (
	saltSize = 8
	// form stands behind the salt, for later forms of what follows.
	form = "\x00"
)

func newSealer(ctx context.Context, trail *audit.Trail) (*sealer, error) {
	const purpose = "live position"
	key, err := trail.SubKey(ctx, nil, purpose)
	if err != nil {
		return nil, err
	}
	return &sealer{seal.New(key, trail.FormerSubKeys(purpose)...)}, nil
}

func (s *sealer) seal(position string) string {
	text := make([]byte, saltSize, saltSize+len(form)+len(position))
	_, _ = rand.Read(text) // never fails
	return s.box.Seal(string(text) + form + position)
}

// errNoPosition: the text doesn't even have the form of a position.
var errNoPosition = fmt.Errorf("stream: this is not a position: %w", audit.ErrBadCursor)

// maxPosition is how long a client's position may be, in bytes.
const maxPosition = 256 << 10

// open returns the store's position. The error is audit.ErrBadCursor if it was made up,
// or sealed with a key that the trail no longer has.
func (s *sealer) open(sealed string) (string, error) {
	if len(sealed) > maxPosition || !seal.WellFormed(sealed) {
		return "", errNoPosition
	}
	text, ok := s.box.Open(sealed)
	if !ok || len(text) < saltSize {
		return "", audit.ErrBadCursor
	}
	position, ok := strings.CutPrefix(text[saltSize:], form)
	if !ok {
		return "", audit.ErrBadCursor
	}
	return position, nil
}
