package storagetest

import (
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

func isSequencer(s audit.Store) bool {
	sequencer, ok := s.(audit.Sequencer)
	return ok && sequencer.Sequenced()
}

var recordedContracts = []contract{
	{name: "recorded/order", why: "SortRecorded is the order of appending, whatever the times; an entry that is appended again stays where it was.", has: isSequencer, run: tryRecordedOrder},
	{name: "recorded/record", why: "A record's history, of one tenant or all, in a scope or not, comes in the order of appending, both ways.", has: isSequencer, run: tryRecordedRecord},
	{name: "recorded/all", why: "All by SortRecorded yields what the pages do, from a cursor too.", has: isSequencer, run: tryRecordedAll},
	{name: "recorded/position of an entry", why: "A position without a key is that of the entry with its ID; of an unknown one it is ErrBadCursor.", has: isSequencer, run: tryRecordedPosition},
	{name: "recorded/while others append", why: "A walk neither repeats an entry nor skips one that was there at the start, while others append.", has: isSequencer, run: tryRecordedWalk},
	{name: "recorded/after a purge", why: "A cursor leads on, both ways, after what lay beside it was purged.", has: isSequencer, run: tryRecordedPurge},
}

var recordedSorts = []audit.Sort{audit.SortRecorded, audit.SortRecorded.Reverse()}

// appended stores n entries in several calls, some of them twice, and returns them
// in their order. Their times are in none.
func (c *trial) appended(n int) (stored []audit.Entry) {
	c.t.Helper()
	for len(stored) < n {
		batch := c.entries(1 + c.IntN(12))
		again := slices.Clone(stored[max(0, len(stored)-c.IntN(4)):])
		stored = append(stored, batch...)
		c.append(append(again, batch...)...)
	}
	return stored
}

func tryRecordedOrder(c *trial) {
	stored := c.appended(150)
	for _, sort := range recordedSorts {
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 1000})
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 17, Brief: true})
		c.wantBack(audit.Query{Sort: sort, Limit: 40})
		for range 10 {
			c.wantAll(stored, audit.Query{Sort: sort, Limit: 9, Filter: c.filter(1)})
		}
	}
}

func tryRecordedRecord(c *trial) {
	stored := c.appended(120)
	more := c.entries(120)
	for i := range more {
		more[i].Object.Type, more[i].Object.ID = stored[0].Object.Type, stored[i%2].Object.ID
	}
	c.append(more...)
	stored = append(stored, more...)
	one, other := stored[0].Object, stored[1].Object
	record := audit.Filter{ObjectTypes: []string{one.Type}, ObjectIDs: []string{one.ID}}
	both := audit.Filter{ObjectTypes: []string{one.Type, other.Type, one.Type}, ObjectIDs: []string{one.ID, other.ID, one.ID, "nobody"}}
	tenant, tenants := audit.Filter{Tenants: []string{stored[0].Tenant}}, audit.Filter{Tenants: tenantPool}
	for _, f := range []audit.Filter{
		record, record.And(tenant), record.And(tenants), both, both.And(tenants), tenant.And(record).And(both),
		record.And(audit.Filter{From: epoch.Add(10)}), record.And(audit.Filter{Keyword: "a"}), record.And(audit.Filter{Not: []audit.Filter{tenant}}),
		{ObjectTypes: both.ObjectTypes}, {ObjectTypes: []string{"nothing"}, ObjectIDs: []string{"1"}},
	} {
		for _, sort := range recordedSorts {
			q := audit.Query{Filter: f, Sort: sort, Limit: 1 + c.IntN(15)}
			c.wantAll(stored, q)
			c.wantBack(q)
		}
	}
}

func tryRecordedAll(c *trial) {
	if !isIterator(c.store) {
		return
	}
	stored := c.appended(150)
	record := audit.Filter{ObjectTypes: []string{stored[0].Object.Type}, ObjectIDs: []string{stored[0].Object.ID}}
	for _, f := range []audit.Filter{{}, record, record.And(audit.Filter{Tenants: tenantPool}), c.filter(1)} {
		for _, sort := range recordedSorts {
			q := audit.Query{Filter: f, Sort: sort, Limit: 2}
			want := naive(stored, q)
			c.wantEntries(want, c.all(q), "All of "+describe(q))
			page := c.query(q)
			if q.Cursor = page.Next; q.Cursor == "" {
				continue
			}
			c.wantEntries(want[2:], c.all(q), "All from the second page on, of "+describe(q))
			if q.Cursor = c.query(q).Prev; q.Cursor != "" {
				c.wantEntries(want, c.all(q), "All from the page before the second one on, of "+describe(q))
			}
		}
	}
}

func tryRecordedPosition(c *trial) {
	stored := c.appended(40)
	for _, sort := range recordedSorts {
		q := audit.Query{Sort: sort, Limit: 5}
		want := naive(stored, q)
		at := storage.Position{Time: want[20].Time, ID: want[20].ID}
		q.Cursor = storage.EncodeCursor(q, at)
		c.wantEntries(want[21:26], c.query(q).Entries, "the page behind an entry, "+describe(q))
		at.Back = true
		q.Cursor = storage.EncodeCursor(q, at)
		c.wantEntries(want[15:20], c.query(q).Entries, "the page before an entry, "+describe(q))
		at.ID = c.entries(1)[0].ID
		q.Cursor = storage.EncodeCursor(q, at)
		c.wantBadCursor(q, "the position of an entry that isn't there")
		for _, id := range []string{"", "no UUID"} {
			at.ID = id
			q.Cursor = storage.EncodeCursor(q, at)
			c.wantBadCursor(q, "a position without an entry")
		}
		for _, key := range []string{"x", "-1", "1.5", "99999999999999999999999", "' OR 1=1"} {
			q.Cursor = storage.EncodeCursor(q, storage.Position{Key: key, Time: want[20].Time, ID: want[20].ID})
			if _, err := c.tryQuery(q); err != nil {
				c.wantError(err, audit.ErrBadCursor, "a key that no store gave")
			}
		}
	}
}

func tryRecordedWalk(c *trial) {
	for _, sort := range recordedSorts {
		start := c.entries(100)
		for i := range start {
			start[i].Tenant = "walk " + string(sort)
		}
		c.append(start...)
		q := audit.Query{Sort: sort, Limit: 20, Filter: audit.Filter{Tenants: []string{start[0].Tenant}}}
		want := naive(start, q)
		last := c.appendBetween(q, want, start[0].Tenant)
		c.appendAllTheTime(q, want, start[0].Tenant, last)
	}
}

// tryRecordedPurge purges what is beside a cursor, on either side.
func tryRecordedPurge(c *trial) {
	purger, ok := c.store.(audit.Purger)
	if !ok {
		return
	}
	for _, sort := range recordedSorts {
		stored := c.entries(9)
		for i := range stored {
			stored[i].TransactionID, stored[i].Tenant = stored[i].ID, "purge "+string(sort)
		}
		c.append(stored...)
		q := audit.Query{Sort: sort, Limit: 3, Filter: audit.Filter{Tenants: []string{stored[0].Tenant}}}
		first := c.query(q)
		q.Cursor = first.Next
		second := c.query(q)
		for _, e := range second.Entries {
			if n, err := purger.Purge(c.ctx, audit.Filter{TransactionID: e.ID}, 10); n != 1 || err != nil {
				c.broken("Purge of one entry: %d, %v", n, err)
			}
		}
		behind := c.query(q)
		c.wantEntries(naive(stored, q)[6:], behind.Entries, "what is behind a page that was purged")
		q.Cursor = behind.Prev
		c.wantEntries(first.Entries, c.query(q).Entries, "what is before a page that was purged")
		q.Cursor = second.Next
		c.wantEntries(behind.Entries, c.query(q).Entries, "what is behind a position whose entry was purged")
		q.Cursor = second.Prev
		c.wantEntries(first.Entries, c.query(q).Entries, "what is before a position whose entry was purged")
	}
}

// tryTxRecorded: a transaction begins to write, and then changes a row that another
// one has changed in the meantime, as if it had waited for its lock.
func tryTxRecorded(c *txTrial) {
	if !isSequencer(c.store) {
		return
	}
	record := audit.Object{Type: "rows", ID: "1"}
	var want []audit.Entry
	for range 5 {
		list := c.entries(4)
		list[1].Object, list[2].Object, list[3].Object = record, record, record
		first, second := c.begin(), c.begin()
		c.appendTx(first, list[0])
		c.appendTx(second, list[1])
		c.end(second, true)
		c.appendTx(first, list[2:]...)
		c.end(first, true)
		want = append(want, list[1:]...)
	}
	for _, sort := range recordedSorts {
		c.wantAll(want, audit.Query{Sort: sort, Limit: 4, Filter: audit.Filter{ObjectTypes: []string{record.Type}, ObjectIDs: []string{record.ID}}})
	}
}
