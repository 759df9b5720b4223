package storagetest

import (
	"context"
	"errors"
	"slices"

	"github.com/gormtrail/audit"
)

func isReplacer(s audit.Store) bool {
	r, ok := s.(audit.Replacer)
	if !ok {
		return false
	}
	_, err := r.Replace(context.Background(), nil, nil)
	return !errors.Is(err, errors.ErrUnsupported)
}

var replaceContracts = []contract{
	{name: "replace/entries", why: "Replace puts masked entries in the place of the old ones, and queries, orders and the feed agree with them.", has: isReplacer, run: tryReplace},
	{name: "replace/others", why: "An entry that isn't stored as the old one says, or is gone, is passed over.", has: isReplacer, run: tryReplaceOthers},
	{name: "replace/too much", why: "Replace refuses entries that differ in more than masking changes, and replaces none then.", has: isReplacer, run: tryReplaceTooMuch},
	{name: "replace/context ended", why: "With a context that is done, Replace replaces nothing and returns its error.", has: isReplacer, run: tryReplaceContext},
}

const canary = "canary-3c91"

// secretive are n stored entries with the canary wherever masking changes something,
// among others, and what they are to become.
func (c *trial) secretive(n int) (all, old, masked []audit.Entry) {
	c.t.Helper()
	all = c.entries(3 * n)
	for i := 0; i < len(all); i += 3 {
		e := &all[i]
		e.Object.ID, e.Object.Name, e.Error = canary+" id", canary, canary
		e.Changes = []audit.Change{{Field: "token", Op: audit.OpReplace, Old: canary, New: canary + "2"}}
		e.Metadata = map[string]any{"note": canary}
		m := *e
		m.Object.ID, m.Object.Name, m.Error = "hmac-00", "", "?"
		m.Changes = []audit.Change{{Field: "token", Op: audit.OpReplace, Old: audit.Mask, New: audit.Mask, Redacted: audit.RedactedMasked}}
		m.Metadata = map[string]any{"note": audit.Mask}
		masked = append(masked, m)
	}
	c.append(all...)
	for _, m := range masked {
		e, err := c.store.Get(c.ctx, m.ID)
		if err != nil {
			c.broken("Get: %v", err)
		}
		old = append(old, e)
	}
	return all, old, masked
}

func (c *trial) replace(old, masked []audit.Entry) int {
	c.t.Helper()
	n, err := c.store.(audit.Replacer).Replace(c.ctx, old, masked)
	if err != nil {
		c.broken("Replace: %v", err)
	}
	return n
}

func tryReplace(c *trial) {
	all, old, masked := c.secretive(101) // more than one statement reads
	secret := audit.Query{Filter: audit.Filter{Keyword: "canary-3c"}}
	if n := len(c.walk(secret)); n != len(old) {
		c.broken("a keyword found %d of %d entries before", n, len(old))
	}
	if n := c.replace(old, masked); n != len(old) {
		c.broken("Replace replaced %d of %d entries", n, len(old))
	}
	if n := c.replace(old, masked); n != 0 {
		c.broken("Replace replaced %d entries again", n)
	}
	now := slices.Clone(all)
	for i, m := range masked {
		now[3*i] = m
	}
	sorts := []audit.Sort{audit.Newest, audit.SortObjectID, audit.SortTime}
	if isSequencer(c.store) {
		sorts = append(sorts, recordedSorts...)
	}
	for _, sort := range sorts {
		c.wantAll(now, audit.Query{Sort: sort, Limit: 50})
	}
	for _, f := range []audit.Filter{
		secret.Filter, {Keyword: "hmac-0"}, {ObjectIDs: []string{"hmac-00"}}, {ObjectIDs: []string{canary + " id"}}, {Fields: []string{"token"}},
	} {
		c.wantAll(now, audit.Query{Filter: f})
	}
	if tailer, ok := c.store.(audit.Tailer); ok {
		entries, _, err := tailer.Tail(c.ctx, audit.Filter{}, "", 1000)
		if err != nil {
			c.broken("Tail: %v", err)
		}
		c.wantEntries(now, entriesOf(entries), "Tail from the beginning")
	}
}

func tryReplaceOthers(c *trial) {
	all, old, masked := c.secretive(3)
	other, never := old[1], old[2]
	other.Error = "another one"
	never.ID = c.entries(1)[0].ID
	if n := c.replace([]audit.Entry{old[0], other}, []audit.Entry{masked[0], masked[1]}); n != 1 {
		c.broken("Replace replaced %d entries, where 1 was as it says", n)
	}
	gone := masked[2]
	gone.ID = never.ID
	if n := c.replace([]audit.Entry{never}, []audit.Entry{gone}); n != 0 {
		c.broken("Replace replaced %d entries that aren't there", n)
	}
	all[0] = masked[0]
	c.wantAll(all, audit.Query{Sort: audit.SortTime})
}

func tryReplaceTooMuch(c *trial) {
	all, old, masked := c.secretive(2)
	for _, change := range []func(*audit.Entry){
		func(e *audit.Entry) { e.Action = "other" }, func(e *audit.Entry) { e.Tenant = "other" }, func(e *audit.Entry) { e.ID = old[0].ID },
		func(e *audit.Entry) { e.Changes = nil }, func(e *audit.Entry) { e.Time = e.Time.Add(1e9) }, func(e *audit.Entry) { e.Actor.Email = "other" },
	} {
		wrong := masked[1]
		change(&wrong)
		_, err := c.store.(audit.Replacer).Replace(c.ctx, old, []audit.Entry{masked[0], wrong})
		c.wantError(err, audit.ErrInvalidEntry, "Replace with another entry")
	}
	_, err := c.store.(audit.Replacer).Replace(c.ctx, old, masked[:1])
	c.wantError(err, audit.ErrInvalidEntry, "Replace of two by one")
	c.wantAll(all, audit.Query{Sort: audit.SortTime})
}

func tryReplaceContext(c *trial) {
	all, old, masked := c.secretive(2)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := c.store.(audit.Replacer).Replace(ctx, old, masked)
	c.wantError(err, context.Canceled, "Replace with a cancelled context")
	c.wantAll(all, audit.Query{Sort: audit.SortTime})
}
