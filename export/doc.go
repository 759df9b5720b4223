// Package export writes what a query selects to a file that one hands to an
// auditor: CSV, Excel, PDF or JSON Lines.
//
//   - [Write] streams a query from any [audit.Reader] in any [Format].
//   - [Handler] serves it from a host's route, as an attachment: what each request
//     may see of it, as its Options.Authorize says (package access).
//   - A [Format] gets a [Table]: columns, facts about the report, rows. The
//     ready ones are [CSV], [Excel], [PDF] and [JSONLines]; a host can add more.
//
// Rows and order are those that the same query gives on a page. A file that is
// not whole says so itself, in its last row, and Write returns an error.
package export
