// Package row turns entries into stored rows and back.
//
// [New] encodes entries, [Scanner] decodes rows, including damaged ones, and
// [Scanner.Position] returns where a row stands in an order of columns. [Batch],
// [Fit] and [Split] say how rows are cut into statements, and [Compare] what an
// append still has to insert.
//
// The package knows the names of columns and the three forms in which databases
// hold values. It writes no SQL and runs no statement.
package row
