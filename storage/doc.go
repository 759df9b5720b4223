// Package storage is for those who write a store, and for followers of its feed.
//
// # Write a store
//
// A store implements audit.Store: Append, Query and Get. It may implement more, and the Trail
// finds it by type assertion: audit.TxAppender and audit.DatabaseMatcher to write inside the
// application's transaction, audit.Iterator, audit.Counter, audit.Faceter and
// audit.FacetFinder to read, audit.Sequencer for the order of recording, audit.Tailer and
// [Checkpointer] for followers, audit.Purger and audit.Replacer for retention and masking, and
// audit.KeyStore for the trail's key. Whatever a store lacks, the Trail answers with
// errors.ErrUnsupported.
//
// This package has what all stores must agree on:
//
//   - Cursors. A page ends at a [Position]; [EncodeCursor] and [DecodeCursor] bind it to its
//     query.
//   - Orders. Entries are sorted by audit.Sort.KeyOf, then by time, then by ID, as bytes. A
//     store that can't call Go from its index keeps the keys in columns ([ObjectIDKey],
//     [IPKey]) and selects addresses by [IPRange].
//   - Searches. A keyword is looked for in audit.Entry.SearchTexts, in the [SearchWords] of
//     actions and types, and in what audit.Filter.Search adds, all through [Fold].
//   - Stored values. [AppendChanges], [DecodeChanges] and [DecodeMetadata] keep each number
//     exactly.
//   - IDs. An entry whose ID is stored already is skipped if [SameEntry] holds, and an
//     *audit.ConflictError otherwise. A Replacer checks with [CheckReplacement] and [Identical].
//
// audit.Filter.Match defines what a filter selects. A store that translates filters, into SQL
// for example, translates each of audit.Filter.Terms and and-s the results.
//
// # Prove it
//
// Package storagetest checks all of it. Its Run takes a function that returns an empty store:
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) audit.Store { return mystore.New(t.TempDir()) })
//	}
//
// It finds the store's abilities itself, and compares what the store answers with the
// definitions above, for random entries and filters too. Package memstore is the reference implementation, and
// the one to read first.
package storage
