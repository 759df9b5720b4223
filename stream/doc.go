// Package stream follows a trail: each entry once, in the order in which
// entries were committed, those of other processes on the same database too.
//
// Tail is the feed as a Go iterator:
//
//	for event, err := range stream.Tail(ctx, trail, filter, after) {
//
// A Hub reads the store once for many readers, and Hub.Handler serves them over
// WebSocket or, where that can't get through, server-sent events: what each
// request may see, as its Authorize says (package access). Tail and Hub.Follow are
// for your own code, and mask nothing. Every event
// carries its position: who lost the connection resumes behind the last one it
// saw, without loss or repeat.
//
// The store must be an audit.Tailer. While someone follows it is asked when this
// process has committed entries, at most ten times a second, and five times a
// second for those of other processes; HubOptions.Wake lets these tell of theirs
// instead (package storage/pgnotify does it on PostgreSQL). While nobody follows
// it isn't asked at all.
package stream
