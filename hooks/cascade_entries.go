package hooks

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
)

// finish reads the rows again that foreign keys may have changed, and adds the
// entries of those that they did: of a table at a time, in the order in which
// the keys were followed, which is the order of the rows' dependence.
func (k *cascade) finish() error {
	k.foretell()
	for _, a := range k.order {
		if a.ignored {
			continue
		}
		entries, err := a.entries()
		if err != nil {
			return err
		}
		if err := a.add(entries...); err != nil {
			return err
		}
	}
	return nil
}

// foretell works out what foreign keys give the rows: a row whose key changes
// along must be found again, and one without a key has nothing else to tell it.
func (k *cascade) foretell() {
	for _, l := range k.links {
		if l.to.full || l.from.full {
			continue
		}
		r := &l.to.rows[l.child]
		switch {
		case l.rule == "SET NULL":
			for _, name := range l.key.columns {
				if !l.deleting || !slices.Contains(l.key.kept, name) {
					r.gets(name, nil)
				}
			}
		case l.rule == "SET DEFAULT":
			r.vague = len(l.to.table.key) == 0 || slices.ContainsFunc(l.key.columns, l.to.table.isKey)
		case !l.deleting && l.parent >= 0:
			for i, name := range l.key.refers {
				if v, ok := l.from.becomes(l.parent, name); ok {
					r.gets(l.key.columns[i], v)
				}
			}
		}
	}
}

func (r *reachedRow) gets(column string, v any) {
	if r.next == nil {
		r.next = map[string]any{}
	}
	r.next[column] = v
}

// becomes is the value that a row's column has after the statement, as far as
// that is known before it is read.
func (a *reached) becomes(i int, column string) (any, bool) {
	r := a.rows[i]
	if v, ok := r.next[column]; ok {
		return v, true
	}
	if r.now != nil {
		return (&image{set: r.nowSet}).value(*r.now, column)
	}
	return (&image{set: a.set}).value(r.row, column)
}

// entries are those of the table's rows that foreign keys changed.
func (a *reached) entries() ([]audit.Entry, error) {
	switch {
	case a.cause == nil && (a.cascade.rows != a || !a.doubtful()):
		return nil, nil
	case a.full:
		return a.summary()
	case len(a.table.key) == 0:
		return a.withoutKey()
	}
	return a.byKey()
}

// doubtful: a row of the statement's own is neither told of nor sure to be there.
func (a *reached) doubtful() bool {
	return slices.ContainsFunc(a.rows, func(r reachedRow) bool { return r.goes && !r.told })
}

// byKey reads the rows again by their keys.
func (a *reached) byKey() ([]audit.Entry, error) {
	var places []int
	var keys [][]any
	for i := range a.rows {
		r := &a.rows[i]
		if r.told || r.cause == nil && !r.goes {
			continue // told of by the statement itself
		}
		places = append(places, i)
		keys = append(keys, a.keyNow(i))
	}
	if len(keys) == 0 {
		return nil, nil
	}
	after, found, err := a.readAgain(keys)
	if err != nil {
		return nil, err
	}
	var entries []audit.Entry
	var moved []int
	for j, i := range places {
		switch now := found[keyOfValues(keys[j])]; {
		case now != nil:
			entries = append(entries, a.changed(i, after, now)...)
		case keyOfValues(keys[j]) != keyOfValues(a.keyBefore(i)):
			moved = append(moved, i)
		default:
			entries = append(entries, a.vanished(i)...)
		}
	}
	more, err := a.unmoved(moved)
	return append(entries, more...), err
}

// unmoved are rows that a foreign key should have given another key, and that
// aren't there under it.
func (a *reached) unmoved(places []int) ([]audit.Entry, error) {
	if len(places) == 0 {
		return nil, nil
	}
	keys := make([][]any, len(places))
	for j, i := range places {
		keys[j] = a.keyBefore(i)
	}
	after, found, err := a.readAgain(keys)
	if err != nil {
		return nil, err
	}
	var entries []audit.Entry
	for j, i := range places {
		if now := found[keyOfValues(keys[j])]; now != nil {
			entries = append(entries, a.changed(i, after, now)...)
		} else {
			entries = append(entries, a.vanished(i)...)
		}
	}
	return entries, nil
}

func (a *reached) readAgain(keys [][]any) (*image, map[string]*row, error) {
	after, err := a.readKeys(keys)
	if err != nil {
		return nil, nil, err
	}
	found := make(map[string]*row, len(after.rows))
	for i := range after.rows {
		found[after.keyOf(a.table, after.rows[i])] = &after.rows[i]
	}
	return after, found, nil
}

func (a *reached) keyNow(i int) []any {
	key := make([]any, len(a.table.key))
	for j, name := range a.table.key {
		key[j], _ = a.becomes(i, name)
	}
	return key
}

func (a *reached) keyBefore(i int) []any {
	key := make([]any, len(a.table.key))
	for j, name := range a.table.key {
		key[j], _ = (&image{set: a.set}).value(a.rows[i].row, name)
	}
	return key
}

// was is the row before foreign keys changed it: as the statement itself left it.
func (a *reached) was(i int) (*image, *row) {
	if r := &a.rows[i]; r.now != nil {
		return &image{set: r.nowSet}, r.now
	}
	return &image{set: a.set}, &a.rows[i].row
}

func (a *reached) changed(i int, after *image, now *row) []audit.Entry {
	before, was := a.was(i)
	return a.caused(a.rows[i].cause, a.updated(before, after, []pair{{was, now}}))
}

func (a *reached) vanished(i int) []audit.Entry {
	if a.rows[i].vague {
		return a.caused(a.rows[i].cause, []audit.Entry{a.untold(1)})
	}
	before, was := a.was(i)
	before.rows, before.count = []row{*was}, 1
	return a.caused(a.rows[i].cause, a.destroyed(before))
}

// caused names in the entries what they come of.
func (a *reached) caused(by *link, entries []audit.Entry) []audit.Entry {
	if by == nil {
		return entries
	}
	for i := range entries {
		if entries[i].Metadata == nil {
			entries[i].Metadata = map[string]any{}
		}
		entries[i].Metadata["cascade"] = by.described()
	}
	return entries
}

// described is the row that was referred to, and what the foreign key says.
func (l *link) described() map[string]any {
	on := "ON UPDATE "
	if l.deleting {
		on = "ON DELETE "
	}
	cause := map[string]any{
		"table": cleantext.Text(l.from.table.object), "foreign_key": cleantext.Text(l.key.title()), "rule": on + l.rule,
	}
	if l.parent >= 0 && !l.from.full {
		if id := (&image{set: l.from.set}).id(l.from.table, l.from.rows[l.parent].row); id != "" {
			cause["id"] = id
		}
	}
	return cause
}

// withoutKey asks again which rows refer to the values: those that no longer do
// are gone, or have become what the foreign key makes of them.
func (a *reached) withoutKey() ([]audit.Entry, error) {
	still := map[string]bool{}
	for _, q := range a.asked {
		seen := map[string]int{}
		err := a.inChunks(q, func(values [][]any) error {
			ask := func() (string, []any) { return a.selectReferring(a.ownRowList(), q.key, values, "") }
			return a.each(ask, func(r row) { still[identity(a.table, a.set, r, seen)] = true })
		})
		if err != nil {
			return nil, err
		}
	}
	seen := map[string]int{}
	var entries []audit.Entry
	vague := 0
	for i := range a.rows {
		r := &a.rows[i]
		switch {
		case still[identity(a.table, a.set, r.row, seen)], r.told, r.cause == nil:
		case r.goes:
			entries = append(entries, a.vanished(i)...)
		case r.vague:
			vague++
		default:
			entries = append(entries, a.changed(i, &image{set: a.set}, a.given(i))...)
		}
	}
	if vague > 0 {
		entries = append(entries, a.caused(a.cause, []audit.Entry{a.untold(vague)})...)
	}
	return entries, nil
}

// given is the row with what foreign keys give it.
func (a *reached) given(i int) *row {
	values := slices.Clone(a.rows[i].values)
	for name, v := range a.rows[i].next {
		if j, ok := a.set.byName[name]; ok {
			values[j] = v
		}
	}
	return &row{values: values}
}

// untold is an entry for rows whose new values nothing tells.
func (a *reached) untold(rows int) audit.Entry {
	return audit.Entry{Action: audit.ActionUpdate, Object: audit.Object{Type: a.plugin.typeOf(a.table.object)}, Metadata: map[string]any{
		"table": a.table.object, "rows": int64(rows), "reason": "the table has no key to tell its rows apart",
	}}
}

// summary is the one entry for more rows than are captured one by one. How many
// of them still refer is counted, so that it stands for those that changed.
func (a *reached) summary() ([]audit.Entry, error) {
	rows := int64(a.count)
	for _, q := range a.asked {
		err := a.inChunks(q, func(values [][]any) error {
			var n int64
			query, args := a.selectReferring("count(*)", q.key, values, "")
			err := a.own.QueryRowContext(a.ctx, query, args...).Scan(&n)
			rows -= n
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if rows <= 0 {
		return nil, nil
	}
	goes := a.cause.deleting && a.cause.rule == "CASCADE"
	e := a.untold(int(rows))
	e.Metadata["statement"] = a.plugin.withoutValues(a.query)
	e.Metadata["reason"] = "more rows than are recorded one by one"
	e.Metadata["keys_sha256"] = hex.EncodeToString(a.digest.Sum(nil))
	columns := a.cause.key.columns
	if goes {
		e.Action, columns = audit.ActionDestroy, nil
	}
	if list := a.table.passedOn(columns); list != nil {
		e.Metadata["foreign_keys"] = list
	}
	return a.caused(a.cause, []audit.Entry{e}), nil
}

// keyOfValues is keyOf for a key's values.
func keyOfValues(key []any) string {
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = keyText(v)
	}
	return strings.Join(parts, "\x00")
}
