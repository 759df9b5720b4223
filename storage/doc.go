// Package storage is for those who write a store, and for followers of its feed.
//
// A store implements audit.Store and, where it can, more: the interfaces of package
// audit that the Trail finds by type assertion, and [Checkpointer]. Package storagetest
// checks them all.
package storage
