package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The sentinels of a Checkpointer.
var (
	// ErrStale: the checkpoint isn't where the caller believes it to be, because another
	// follower advanced it, or the caller's lease has expired, or another follower holds
	// one. Nothing was written. Read the checkpoint again, and the lease first.
	ErrStale = errors.New("storage: checkpoint was advanced by another follower, or the lease has expired")

	// ErrLeased: another holder has the lease.
	ErrLeased = errors.New("storage: checkpoint is leased to another holder")
)

// MaxName is the length of a checkpoint's or a holder's name, in bytes.
const MaxName = 200

// MaxState is the length of Checkpoint.State, in bytes.
const MaxState = 64 << 10

// Checkpoint says how far a follower of the feed has got: everything up to Position is
// dealt with, and nothing behind it is known to be.
type Checkpoint struct {
	Name     string // of the follower: "facets", "sink/siem"
	Version  int64  // how often it was advanced; 0: never
	Position string // in the feed (audit.Tailer); "": the beginning
	// State is what the follower needs beside the position, in a form of its own: a
	// count, a hash. It is stored with the position or not at all.
	State string
	// Fence is the number of the lease under which the checkpoint is advanced, as
	// Lease returned it; 0: without a lease. Checkpointer.Checkpoint leaves it 0, so that
	// a follower whose lease went to another one can't advance by mistake.
	Fence int64
}

// Checkpointer is a store that keeps checkpoints. Each has a name; the first Advance or
// Lease makes it. A follower that only one process may run at a time takes the lease of
// its checkpoint first. One whose work may be done twice needs none: of two that advance
// from the same version one gets ErrStale.
//
// Times are the database's, so clocks of processes don't matter. Errors of all methods:
// those named below, *CheckpointError, audit.ErrNotMigrated, the context's, the database's;
// errors.ErrUnsupported of a wrapper around a store that isn't a Checkpointer.
type Checkpointer interface {
	// Checkpoint returns the checkpoint of that name; one that nobody has advanced is at
	// the beginning, with Version 0.
	Checkpoint(ctx context.Context, name string) (Checkpoint, error)

	// Advance moves the checkpoint from.Name on to to.Position and to.State. It is
	// durable on nil, and its version is from.Version+1 then. It returns ErrStale and
	// changes nothing if the stored version isn't from.Version, if from.Fence isn't the
	// number of a lease that holds now, or if it is 0 and there is such a lease.
	//
	// After an error of the connection the answer may be lost and the checkpoint
	// advanced; Checkpoint tells.
	Advance(ctx context.Context, from, to Checkpoint) error

	// Lease takes or renews the lease for holder until ttl from now, and returns its
	// number. The number stays while the holder renews in time, and is greater in each
	// later lease. It returns ErrLeased while another holder has the lease. A ttl of 0
	// ends the holder's lease, if it has one, and the number means nothing then.
	Lease(ctx context.Context, name, holder string, ttl time.Duration) (fence int64, err error)
}

// CheckpointError says which argument a Checkpointer can't take, and why.
type CheckpointError struct {
	Field  string // "name", "holder", "state", "ttl"
	Reason string
}

func (e *CheckpointError) Error() string { return "storage: checkpoint: " + e.Field + " " + e.Reason }

// CheckName returns a *CheckpointError unless name can be that of a checkpoint.
func CheckName(name string) error { return checkText("name", name) }

// CheckLease returns a *CheckpointError unless these can be arguments of Lease.
func CheckLease(name, holder string, ttl time.Duration) error {
	if err := checkText("name", name); err != nil {
		return err
	}
	if err := checkText("holder", holder); err != nil {
		return err
	}
	if ttl < 0 || ttl > 0 && ttl < time.Millisecond {
		return &CheckpointError{Field: "ttl", Reason: fmt.Sprintf("is %v, and must be 0 or at least a millisecond", ttl)}
	}
	return nil
}

// CheckAdvance returns a *CheckpointError unless these can be arguments of Advance.
func CheckAdvance(from, to Checkpoint) error {
	if err := checkText("name", from.Name); err != nil {
		return err
	}
	switch {
	case to.Name != from.Name:
		return &CheckpointError{Field: "name", Reason: fmt.Sprintf("is %q, and %q is to be advanced", to.Name, from.Name)}
	case len(to.State) > MaxState:
		return &CheckpointError{Field: "state", Reason: fmt.Sprintf("has %d bytes, and may have %d", len(to.State), MaxState)}
	case strings.Contains(to.State, "\x00") || strings.Contains(to.Position, "\x00"):
		return &CheckpointError{Field: "state", Reason: "or position has a NUL byte, which not every database stores"}
	}
	return nil
}

func checkText(field, text string) error {
	switch {
	case text == "":
		return &CheckpointError{Field: field, Reason: "is empty"}
	case len(text) > MaxName:
		return &CheckpointError{Field: field, Reason: fmt.Sprintf("has %d bytes, and may have %d", len(text), MaxName)}
	case strings.Contains(text, "\x00"):
		return &CheckpointError{Field: field, Reason: "has a NUL byte"}
	}
	return nil
}
