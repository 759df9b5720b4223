package export

import (
	"context"
	"io"
)

// Storage is where Jobs keeps files and its own state: a Folder, or a bucket. It needs
// neither append nor rename, and no listing. Names have letters of a to z, digits,
// "-" and "." only. A Storage may also be a Remover.
type Storage interface {
	// Create writes an object, and replaces the one of that name. The object is there,
	// whole and durable, once Close returns nil, and not before. Cancelling ctx before
	// Close abandons it: Close then returns an error, and what was there stays.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	// Open reads an object. The error is fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// Remover is what a Storage implements if it can remove objects. In one that can't,
// Jobs replaces what has expired by an empty object.
type Remover interface {
	// Remove removes an object, and what an abandoned Create left of it. It returns
	// nil if there is none.
	Remove(ctx context.Context, name string) error
}
