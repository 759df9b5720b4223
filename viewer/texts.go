package viewer

import (
	"slices"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// counted are the texts that a number is filled into, whose form depends on it.
var counted = []string{
	"%s entries", "%s entries on this page", "%s fields", "%s more fields", "%s new entries", "%s more values", "Show all %s characters",
}

// spoken are the page's own texts beside those.
var spoken = []string{
	// the list
	"Every recorded change. Read only.", "Skip to entries", "Live updates", "Live", "Connecting", "Reconnecting", "Holding %s", "Live, every 3 s", "Signed out",
	"Export", "Export all %s in this view", "Export as %s", "Filter entries", "Keyword", "Search, or narrow: action:login -ip:10.0.0.0/8",
	"Date range", "All", "24 hours", "7 days", "30 days", "Custom", "From", "To", "Find", "Find among all %s", "all of them", "Other actions",
	"Record ID", "IP or prefix", "Apply", "Filters in force", "remove", "Clear all", "Clear all filters",
	"All time", "From %s", "Until %s", "Show %s", "Show UTC", "Times in", "Table of entries", "Audit entries", "Audit entries, by %s, %s",
	"ascending", "descending", "Pages", "Rows per page", "Set", "First page", "Previous", "Next",
	"This page ends early because its entries are large. The next page continues from here.",
	"The search isn't over yet.", "The search isn't over yet. It has come to %s.", "Nothing found yet", "Search on",
	"No entry matches", "Take a filter away, or widen the date range.", "Nothing recorded yet", "As soon as someone changes something, it is listed here.",
	"The link to that page is no longer valid. This is the first page.",
	"Every value ever recorded. Choose one to filter by it.", "No value matches",
	// columns, filters, chips
	"Time", "Action", "Object type", "Changes", "User", "IP address", "Outcome", "Actor type", "Actor ID", "Tenant", "Project", "Product",
	"Search", "Field", "Transaction", "Request", "Without", "Until", "Range", "success", "failure", "denied", "damaged",
	"Records", "Sessions", "Access", "Members", "Operations", "Trail",
	// values
	"No field changes", "changed to", "removed", "added", "hashed", "truncated", "masked", "erased", "null", "empty text", "not set", "not known",
	"Whole value, %s", "%s B", "%s KB", "%s MB", "%s GB",
	// the entry
	"Entries", "Above", "Below", "Open the record", "Error", "Comment", "Views of this entry", "History of the record", "Record then and now",
	"Open as table", "Older entries", "from all its entries", "from the %s nearest entries", "Values right after this entry, and now",
	"Right after this entry", "Now", "Then", "deleted", "No values of this record are on the trail.", "Changed without an entry:",
	"Side by side", "Unified", "Old and new values by field", "Values", "Before", "After", "The rest is in the raw entry, %s",
	"This entry changed no fields.", "This entry is damaged", "Metadata", "Raw entry, JSON", "Copy", "Copied", "Open the raw entry, %s", "Details", "Email masked",
	"On behalf of", "Name", "Client", "Path", "Entry ID", "Same transaction", "Same request", "History of this record", "The whole history", "unknown",
	// what went wrong
	"No such entry", "It is not on the trail, or it is outside of what you may see.", "Show all entries", "Not permitted",
	"You may read the audit trail, and not export it.", "You may not follow the audit trail live.",
	"This filter can't be used", "Change it, or start again with all entries.", "The audit trail is closed",
	"The application is being restarted. Try again in a moment.", "Try again", "The answer took too long",
	"A narrower date range or fewer filters make it faster.", "The audit trail could not be read",
	"Nothing is lost. Try again; if it stays so, tell whoever runs this application.", "You may not read the audit trail",
	"Sign in with an account that is allowed to, or ask whoever runs this application for access.",
}

// Texts are all texts that a Language can translate: those of the page, the
// common actions with their explanations, the names of months and weekdays, and
// those of the downloads (export.Texts). Where one depends on a number, "%s
// entries|one" is a key too, and so for the other plural categories.
func Texts() []string {
	list := slices.Concat(counted, spoken, export.Texts())
	for _, a := range append(audit.NewCatalogue(nil, nil).Actions(), audit.Action{}) {
		for _, o := range []audit.Outcome{audit.Success, audit.Failure, audit.Denied} {
			label, word := a.LabelOf(o)
			explanation, words := a.ExplanationOf(o)
			list = append(list, label, word, explanation, words)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" || s == "%s" })
	for m := time.January; m <= time.December; m++ {
		list = append(list, m.String(), m.String()[:3])
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		list = append(list, d.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}
