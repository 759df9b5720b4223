package gormstore

import (
	"fmt"
	"slices"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// Index is an index of the entries' table that a host may do without. What it
// serves works without it too, slower: see Options.Without.
type Index = schema.Index

// The indexes that Options.Without may name. Those of a tenant's and everyone's
// newest entries, of a record's history, a transaction, a request, and the feed
// are always there.
const (
	IndexType   = schema.IndexType   // filter, sort and facet by object type
	IndexAction = schema.IndexAction // filter, sort and facet by action
	IndexUser   = schema.IndexUser   // a user's activity, sort and facet by user
	IndexActor  = schema.IndexActor  // an actor's activity by its ID
	// IndexBehalf is what was done on behalf of someone: filter and facet.
	IndexBehalf = schema.IndexBehalf
	IndexIP     = schema.IndexIP // an address's activity, prefixes of addresses, sort by address
	// IndexProject is a project's entries: every page of a host that shows people
	// their project alone.
	IndexProject = schema.IndexProject
	IndexFacet   = schema.IndexFacet // facets of project, product, actor type and outcome
)

// Lean returns every Index that there is: with Options{Without: Lean()} an entry
// costs about half, and what is read by tenant, record and time is as fast as
// with all indexes.
func Lean() []Index { return schema.Optional() }

func checkWithout(list []Index) error {
	for _, index := range list {
		if !slices.Contains(Lean(), index) {
			return fmt.Errorf("gormstore: Options.Without: there is no index %q to do without; there are %q", index, Lean())
		}
	}
	return nil
}

// ofSchema are the options as the schema has them.
func (o Options) ofSchema() schema.Options {
	return schema.Options{Without: o.Without, Values: o.keeps(), Keywords: o.KeywordIndex, Months: o.Partitions == Monthly}
}
