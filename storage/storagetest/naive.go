package storagetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// naive is what a query means: Filter.Match, then the total order. The entries are
// given in the order of appending.
func naive(stored []audit.Entry, q audit.Query) []audit.Entry {
	list := ordered(stored, q)
	for i := range list {
		if q.Brief {
			list[i].Changes, list[i].Metadata = nil, nil
		}
	}
	return list
}

func ordered(stored []audit.Entry, q audit.Query) []audit.Entry {
	var list []audit.Entry
	for _, e := range stored {
		if q.Match(e) {
			list = append(list, e)
		}
	}
	if q.Sort.Key() == audit.SortRecorded {
		if q.Sort.Descending() {
			slices.Reverse(list)
		}
		return list
	}
	slices.SortFunc(list, func(a, b audit.Entry) int {
		c := cmp.Or(strings.Compare(q.Sort.KeyOf(a), q.Sort.KeyOf(b)), a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
		if q.Sort.Descending() {
			return -c
		}
		return c
	})
	return list
}

// compareLists says how two lists of entries differ; "" if they don't.
func compareLists(want, got []audit.Entry) string {
	for i := range min(len(want), len(got)) {
		if want[i].ID != got[i].ID {
			return fmt.Sprintf("%d entries wanted, %d got; number %d should be\n  %s\nand is\n  %s", len(want), len(got), i, brief(want[i]), brief(got[i]))
		}
		if d := compareEntries(want[i], got[i]); d != "" {
			return d
		}
	}
	switch {
	case len(want) > len(got):
		return fmt.Sprintf("%d entries wanted, %d got; the first that is missing is\n  %s", len(want), len(got), brief(want[len(got)]))
	case len(got) > len(want):
		return fmt.Sprintf("%d entries wanted, %d got; the first that is too many is\n  %s", len(want), len(got), brief(got[len(want)]))
	}
	return ""
}

// compareEntries says how two entries differ; "" if they hold the same values.
func compareEntries(want, got audit.Entry) string {
	if !want.Time.Equal(got.Time) || got.Time.Location() != time.UTC {
		return fmt.Sprintf("entry %s: Time is %s and should be %s, in UTC", want.ID, got.Time, want.Time)
	}
	w, g := reflect.ValueOf(comparable(want)), reflect.ValueOf(comparable(got))
	for i := range w.NumField() {
		if !w.Type().Field(i).IsExported() {
			continue // says how it was given, and isn't stored
		}
		if a, b := w.Field(i).Interface(), g.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			return fmt.Sprintf("entry %s: %s is\n  %s\nand should be\n  %s", want.ID, w.Type().Field(i).Name, shown(b), shown(a))
		}
	}
	return ""
}

// comparable takes out of an entry what says nothing: the time's inner form,
// and whether what is empty is nil.
func comparable(e audit.Entry) audit.Entry {
	e.Time = time.Time{}
	if len(e.Changes) == 0 {
		e.Changes = nil
	}
	if len(e.Metadata) == 0 {
		e.Metadata = nil
	}
	return e
}

// shown is a value with its Go types, cut where it is long.
func shown(v any) string {
	s := fmt.Sprintf("%#v", v)
	if len(s) > 2000 {
		s = s[:2000] + "…"
	}
	return s
}

func brief(e audit.Entry) string {
	raw, err := json.Marshal(e)
	if err != nil {
		return shown(e)
	}
	if len(raw) > 1000 {
		raw = append(raw[:1000], "…"...)
	}
	return string(raw)
}

func describe(q audit.Query) string {
	parts := []string{fmt.Sprintf("sort %q", q.Sort), fmt.Sprintf("limit %d", q.Limit)}
	if q.Brief {
		parts = append(parts, "brief")
	}
	for _, term := range q.Filter.Terms() {
		parts = append(parts, "filter "+term.Values().Encode())
	}
	return strings.Join(parts, ", ")
}

// copies shares nothing with entries.
func copies(entries []audit.Entry) []audit.Entry {
	list := slices.Clone(entries)
	for i := range list {
		e := &list[i]
		if e.OnBehalfOf != nil {
			a := *e.OnBehalfOf
			e.OnBehalfOf = &a
		}
		e.Changes = slices.Clone(e.Changes)
		for j := range e.Changes {
			e.Changes[j].Old, e.Changes[j].New = copyValue(e.Changes[j].Old), copyValue(e.Changes[j].New)
		}
		if e.Metadata != nil {
			e.Metadata = copyValue(e.Metadata).(map[string]any)
		}
	}
	return list
}

func copyValue(v any) any {
	switch x := v.(type) {
	case []any:
		list := slices.Clone(x)
		for i := range list {
			list[i] = copyValue(list[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k := range x {
			m[k] = copyValue(x[k])
		}
		return m
	}
	return v
}
