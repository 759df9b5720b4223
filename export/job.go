package export

import (
	"context"
	"errors"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// JobState says how far a Job is.
type JobState string

// The states of a job. The last three are final.
const (
	JobWaiting   JobState = "waiting" // for other jobs
	JobRunning   JobState = "running"
	JobFinished  JobState = "finished" // the file can be downloaded
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// Job is an export that is prepared in the background, as its reader sees it.
type Job struct {
	ID     string   `json:"id"`
	State  JobState `json:"state"`
	File   string   `json:"file"`   // the name that a download has
	Format string   `json:"format"` // Format.Name
	// Query is what is exported, as a query string; "" while Withheld.
	Query   string    `json:"query,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // when the file is removed
	Rows    int       `json:"rows"`             // written so far
	// Total is how many rows there will be, as counted at the start; 0 where that isn't
	// known: not counted yet, or too many to count.
	Total     int    `json:"total,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	SHA256    string `json:"sha256,omitempty"` // of the file's bytes, in hex
	Truncated bool   `json:"truncated,omitempty"`
	// Problem is why the job failed, in English for people; one of Texts.
	Problem string `json:"problem,omitempty"`
	// Withheld: the file shows more than the reader may see now, so it can't be
	// downloaded.
	Withheld bool `json:"withheld,omitempty"`
}

// Unfinished reports whether the job waits or runs.
func (j Job) Unfinished() bool { return j.State == JobWaiting || j.State == JobRunning }

// Errors of jobs. Jobs that were closed, or whose storage another process has taken
// over, return audit.ErrClosed.
var (
	// ErrNoJob is returned for an ID that the reader has no job of.
	ErrNoJob = errors.New("export: job not found")
	// ErrNoFile is returned for a job that has no file, or no longer.
	ErrNoFile = errors.New("export: the job has no file")
	// ErrWithheld is returned for a file that shows more than the reader may see now.
	ErrWithheld = errors.New("export: the file shows more than the reader may see now")
)

// BusyError is a job that can't be started now, because there are too many.
type BusyError struct {
	// Reason is for people, in English; one of Texts.
	Reason string
}

func (e *BusyError) Error() string { return "export: " + e.Reason }

// What jobs say to people.
const (
	textJobReader      = "You already have files in preparation. Wait until one is ready, or cancel one."
	textJobKept        = "You have as many prepared files as you can keep. Delete one first."
	textJobBusy        = "Too many files are in preparation now. Try again later."
	textJobInterrupted = "The app was restarted before the file was ready. Start it again."
	textJobLimit       = "This format can't hold so many entries. Narrow the filter, or choose CSV."
	textJobRoom        = "There isn't enough space for the file. Delete files you no longer need, or contact your administrator."
	textJobStorage     = "The file couldn't be stored. Contact your administrator."
	textJobFailed      = "The export failed. Start it again. If it keeps failing, contact your administrator."
	textJobQuery       = "You may not export with this filter or order. Change it, and start again."
	textJobSort        = "Too many entries to sort this way. Narrow the filter or sort by time, and start again."
	textJobRecord      = "The export couldn't be recorded in the audit log, so no file was made."
	textJobGone        = "The file no longer exists. Start the export again."
)

func jobTexts() []string {
	return []string{
		textJobReader, textJobKept, textJobBusy, textJobInterrupted, textJobLimit, textJobRoom, textJobStorage, textJobFailed, textJobQuery,
		textJobSort, textJobRecord, textJobGone,
	}
}

// job is a Job with what is stored and needed beside it.
type job struct {
	Job
	Actor    audit.Actor    `json:"actor"`
	Media    string         `json:"media"`
	Reach    access.Reach   `json:"reach"`
	Title    string         `json:"title"`
	Tenant   string         `json:"tenant,omitempty"`   // of its entries
	Metadata map[string]any `json:"metadata,omitempty"` // of its entries
	// Gone: deleted or expired; its file is still to be removed.
	Gone bool `json:"gone,omitempty"`

	ready   bool // its start is on the trail
	request request
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

// end makes a state final.
func (j *job) end(state JobState, problem string, now time.Time, keep time.Duration) {
	j.State, j.Problem, j.Ended, j.Expires = state, problem, now, now.Add(keep)
}

// visible reports whether a grant's reader may know of the job: it is the reader's own,
// and of no tenant that the grant doesn't show.
func (j *job) visible(g access.Grant, now time.Time) bool {
	return !j.Gone && j.ready && sameActor(j.Actor, g.Actor) && j.Reach.TenantsWithin(g) &&
		(j.Expires.IsZero() || now.Before(j.Expires))
}

// seen is the job as a grant's reader sees it.
func (j *job) seen(g access.Grant, now time.Time) Job {
	s := j.Job
	if !j.allowed(g, now) {
		s.Withheld, s.Query = true, ""
	}
	return s
}

// allowed reports whether the grant shows all that the file does.
func (j *job) allowed(g access.Grant, now time.Time) bool {
	return g.Export && j.Reach.Within(g, max(0, now.Sub(j.Started)))
}

// sameActor compares as actorKey does. Readers without a name are one reader.
func sameActor(a, b audit.Actor) bool { return nameOf(a) == nameOf(b) }
