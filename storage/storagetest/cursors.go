package storagetest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

var cursorContracts = []contract{
	{name: "cursor/foreign", why: "A cursor of another filter, scope or sort is a *QueryError that unwraps to ErrBadCursor.", run: tryForeignCursor},
	{name: "cursor/damaged", why: "A cursor that this library didn't make is a *QueryError that unwraps to ErrBadCursor, never a page.", run: tryDamagedCursor},
}

var contextContracts = []contract{
	{name: "context/ended before", why: "With a context that is done, nothing is read or written, and its error is returned.", run: tryEndedBefore},
	{name: "context/ends during", why: "A context that ends during a call ends the call with its error, or the call succeeds; nothing is cut off in silence.", run: tryEndsDuring},
}

func (c *trial) wantBadCursor(q audit.Query, what string) {
	c.t.Helper()
	page, err := c.tryQuery(q)
	c.wantError(err, audit.ErrBadCursor, what)
	var qe *audit.QueryError
	if !errors.As(err, &qe) || qe.Param != "cursor" {
		c.broken("%s returned %#v, which doesn't name the parameter", what, err)
	}
	if page != nil && len(page.Entries) > 0 {
		c.broken("%s returned entries beside the error", what)
	}
}

func tryForeignCursor(c *trial) {
	c.someStored(80)
	tenant := audit.Filter{Tenants: []string{"acme"}}
	queries := map[string]audit.Query{
		"no filter":              {},
		"oldest first":           {Sort: audit.SortTime},
		"by action":              {Sort: audit.SortAction},
		"as recorded":            {Sort: audit.SortRecorded},
		"by action, descending":  {Sort: "-" + audit.SortAction},
		"one tenant":             {Filter: tenant},
		"another tenant":         {Filter: audit.Filter{Tenants: []string{"globex"}}},
		"two tenants":            {Filter: audit.Filter{Tenants: []string{"acme", "globex"}}},
		"a scope":                {Filter: audit.Filter{}.And(tenant)},
		"a scope, twice":         {Filter: audit.Filter{}.And(tenant).And(tenant)},
		"a project of that name": {Filter: audit.Filter{Projects: []string{"acme"}}},
		"a keyword":              {Filter: audit.Filter{Keyword: "a"}},
		"not":                    {Filter: audit.Filter{Not: []audit.Filter{tenant}}},
		"not, with a scope":      {Filter: audit.Filter{Not: []audit.Filter{tenant.And(audit.Filter{Keyword: "a"})}}},
		"not, with another":      {Filter: audit.Filter{Not: []audit.Filter{tenant.And(audit.Filter{Keyword: "b"})}}},
		"a range":                {Filter: audit.Filter{From: epoch}},
		"the next range":         {Filter: audit.Filter{From: epoch.Add(time.Microsecond)}},
	}
	for name, q := range queries {
		q.Limit = 2
		next := c.query(q).Next
		if next == "" && name != "another tenant" {
			continue
		}
		for other, foreign := range queries {
			if other != name && next != "" {
				foreign.Cursor = next
				c.wantBadCursor(foreign, fmt.Sprintf("the cursor of %q under %q", name, other))
			}
		}
	}
}

func tryDamagedCursor(c *trial) {
	c.someStored(30)
	q := audit.Query{Limit: 5, Sort: audit.SortUser}
	good := c.query(q).Next
	damaged := []string{
		"x", "!", " ", "0", "null", "MTIz", "' OR 1=1", "\x00", good + "A", good[1:], good[:len(good)-1], strings.ToLower(good) + "_", good + "=", " " + good, good + good,
		strings.Repeat("A", 1<<16), base64.RawURLEncoding.EncodeToString(make([]byte, 40)), "%00", "../..", "😀",
	}
	for i := range good {
		b := []byte(good)
		b[i] = map[bool]byte{true: 'B', false: 'A'}[b[i] == 'A']
		damaged = append(damaged, string(b))
	}
	for _, s := range damaged {
		q.Cursor = s
		c.wantBadCursor(q, fmt.Sprintf("the cursor %.100q", s))
	}
	q.Cursor = good
	c.query(q)
}

// call is one way of asking a store.
type call struct {
	name string
	run  func(context.Context, audit.Store) error
}

// reads are all ways of reading that the store has.
func reads(store audit.Store, id string) []call {
	q, _ := audit.Query{Limit: 1000}.Validate()
	all := []call{
		{"Query", func(ctx context.Context, s audit.Store) error { _, err := s.Query(ctx, q); return err }},
		{"Get", func(ctx context.Context, s audit.Store) error { _, err := s.Get(ctx, id); return err }},
	}
	if s, ok := store.(audit.Faceter); ok {
		all = append(all, call{"Facets", func(ctx context.Context, _ audit.Store) error { _, err := s.Facets(ctx, audit.Filter{}); return err }})
	}
	if s, ok := store.(audit.Counter); ok {
		all = append(all, call{"Count", func(ctx context.Context, _ audit.Store) error {
			_, _, err := s.Count(ctx, audit.Filter{}, 10)
			return err
		}})
	}
	if s, ok := store.(audit.Iterator); ok {
		all = append(all, call{"All", func(ctx context.Context, _ audit.Store) error { _, err := gather(s.All(ctx, q)); return err }})
	}
	if isSequencer(store) {
		recorded := q
		recorded.Sort, recorded.ObjectTypes, recorded.ObjectIDs = audit.SortRecorded, []string{"users"}, []string{"1"}
		all = append(all, call{"Query, as recorded", func(ctx context.Context, s audit.Store) error { _, err := s.Query(ctx, recorded); return err }})
		if s, ok := store.(audit.Iterator); ok {
			all = append(all, call{"All, as recorded", func(ctx context.Context, _ audit.Store) error { _, err := gather(s.All(ctx, recorded)); return err }})
		}
	}
	if s, ok := store.(audit.Tailer); ok {
		all = append(all,
			call{"Tail", func(ctx context.Context, _ audit.Store) error {
				_, _, err := s.Tail(ctx, audit.Filter{}, "", 10)
				return err
			}},
			call{"Head", func(ctx context.Context, _ audit.Store) error { _, err := s.Head(ctx); return err }})
	}
	return all
}

func tryEndedBefore(c *trial) {
	stored := c.someStored(20)
	calls := append(reads(c.store, stored[0].ID), call{"Append", func(ctx context.Context, s audit.Store) error { return s.Append(ctx, c.entries(3)...) }})
	if s, ok := c.store.(audit.Purger); ok {
		calls = append(calls, call{"Purge", func(ctx context.Context, _ audit.Store) error {
			_, err := s.Purge(ctx, audit.Filter{}, 10)
			return err
		}})
	}
	cancelled, cancel := context.WithCancel(c.ctx)
	cancel()
	late, cancel := context.WithDeadline(c.ctx, time.Now().Add(-time.Hour))
	defer cancel()
	for _, call := range calls {
		c.wantError(call.run(cancelled, c.store), context.Canceled, call.name+" with a cancelled context")
		c.wantError(call.run(late, c.store), context.DeadlineExceeded, call.name+" after the deadline")
	}
	c.wantAll(stored, audit.Query{})
}

func tryEndsDuring(c *trial) {
	stored := c.someStored(300)
	q, _ := audit.Query{Limit: 1000}.Validate()
	want := naive(stored, q)
	for patience := range 25 {
		for _, call := range reads(c.store, stored[0].ID) {
			if err := call.run(c.impatient(patience), c.store); err != nil && !errors.Is(err, context.Canceled) {
				c.broken("%s whose context was cancelled returned the error %v", call.name, err)
			}
		}
		page, err := c.store.Query(c.impatient(patience), q)
		if err == nil {
			c.wantEntries(want, page.Entries, "a page whose context was cancelled, and which came without error")
		}
		if s, ok := c.store.(audit.Iterator); ok {
			if got, err := gather(s.All(c.impatient(patience), q)); err == nil {
				c.wantEntries(want, got, "a sequence whose context was cancelled, and which came without error")
			}
		}
	}
	c.wantAll(stored, audit.Query{Limit: 1000})
}

// impatient returns a context that is cancelled once it was asked so often.
func (c *trial) impatient(patience int) context.Context {
	ctx, cancel := context.WithCancel(c.ctx)
	c.t.Cleanup(cancel)
	return &impatient{Context: ctx, cancel: cancel, patience: patience}
}

// gather puts a sequence into a list, up to its error.
func gather(seq func(func(audit.Entry, error) bool)) (list []audit.Entry, err error) {
	for e, err := range seq {
		if err != nil {
			return slices.Clip(list), err
		}
		list = append(list, e)
	}
	return list, nil
}
