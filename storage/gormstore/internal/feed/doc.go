// Package feed holds the cursors of the commit-ordered feed: what a position says on
// each database, and how it moves. It reads no rows.
package feed
