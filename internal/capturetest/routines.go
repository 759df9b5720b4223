package capturetest

import (
	"runtime"
	"strings"
)

// routines are stacks of goroutines by their numbers.
type routines map[string]string

// libraryRoutines are the goroutines that run code of the library.
func libraryRoutines() routines {
	text := make([]byte, 1<<22)
	text = text[:runtime.Stack(text, true)]
	list := routines{}
	for stack := range strings.SplitSeq(string(text), "\n\n") {
		number, _, _ := strings.Cut(stack, " [")
		if runsLibrary(stack) {
			list[number] = stack
		}
	}
	return list
}

// runsLibrary reports whether a frame is the library's, not its tests'.
func runsLibrary(stack string) bool {
	for frame := range strings.Lines(stack) {
		library := strings.HasPrefix(frame, "github.com/gormtrail/audit")
		if library && !strings.Contains(frame, "/internal/capturetest") && !strings.Contains(frame, "_test.") && !strings.Contains(frame, "/integration/") {
			return true
		}
	}
	return false
}

func (r routines) without(others routines) routines {
	left := routines{}
	for number, stack := range r {
		if _, known := others[number]; !known {
			left[number] = stack
		}
	}
	return left
}
