// Package pgnotify lets processes that share a trail in one PostgreSQL database
// tell each other of new entries, so that a live feed shows what another process
// has committed without waiting for its clock. It is a module of its own: only
// who imports it gets pgx.
//
//	notifier, err := pgnotify.New(trail, dsn, nil)
//	page, err := viewer.New(trail, &viewer.Options{Wake: notifier.Wake(), …})
//	…
//	notifier.Close(ctx)
//
// Every process that writes has one, and every process that follows.
//
// # What it costs the host
//
// Nothing in its transactions. PostgreSQL takes one lock for the whole server
// when a transaction that has sent NOTIFY commits, and holds it until the commit
// is on disk: with NOTIFY in the host's transactions, as a trigger would send
// it, the commits of all writers wait for each other. So the process that has
// committed sends it afterwards, on a connection of the notifier's own, at most
// ten times a second however much is written, in a transaction that doesn't wait
// for the disk. docs/performance-viewer.md has both measured.
//
// That makes it a hint: a process that dies between its commit and the NOTIFY
// has told nobody, and neither has a program without a notifier. A feed finds
// such entries by its clock, within a second.
package pgnotify
