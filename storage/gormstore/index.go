package gormstore

import (
	"fmt"
	"slices"
	"strconv"
)

// Index is an index of the entries' table that a host may do without. What it
// serves works without it too, slower: see Options.Without.
type Index string

// The indexes that Options.Without may name. Those of a tenant's and everyone's
// newest entries, of a record's history, a transaction, a request, and the feed
// are always there.
const (
	IndexType   Index = "type"   // filter, sort and facet by object type
	IndexAction Index = "action" // filter, sort and facet by action
	IndexUser   Index = "user"   // a user's activity, sort and facet by user
	IndexActor  Index = "actor"  // an actor's activity by its ID
	// IndexBehalf is what was done on behalf of someone: filter and facet.
	IndexBehalf Index = "behalf"
	IndexIP     Index = "ip" // an address's activity, prefixes of addresses, sort by address
	// IndexProject is a project's entries: every page of a host that shows people
	// their project alone.
	IndexProject Index = "project"
	IndexFacet   Index = "facet" // facets of project, product, actor type and outcome
)

// indexTenant and indexOutcome are always there: the latter has nothing of what
// succeeded, so that it costs next to nothing. MySQL has none of it.
const (
	indexTenant  Index = "tenant"
	indexOutcome Index = "outcome"
)

// failed is the condition of indexOutcome, which a query that is to use it
// repeats: no database concludes it from a parameter.
const failed = " WHERE outcome <> 'success'"

// Lean returns every Index that there is: with Options{Without: Lean()} an entry
// costs about half, and what is read by tenant, record and time is as fast as
// with all indexes.
func Lean() []Index {
	return []Index{IndexType, IndexAction, IndexUser, IndexActor, IndexBehalf, IndexIP, IndexProject, IndexFacet}
}

func checkWithout(list []Index) error {
	for _, index := range list {
		if !slices.Contains(Lean(), index) {
			return fmt.Errorf("gormstore: Options.Without: there is no index %q to do without; there are %q", index, Lean())
		}
	}
	return nil
}

// has reports whether the table has the index, as far as this store knows.
func (o Options) has(index Index) bool { return !slices.Contains(o.Without, index) }

// indexColumns are the columns of the indexes that a host may do without.
var indexColumns = map[Index]string{
	IndexType:    "tenant, object_type, time, id",
	IndexAction:  "tenant, action, time, id",
	IndexUser:    "tenant, actor_user, time, id",
	IndexActor:   "tenant, actor_id, time, id",
	IndexBehalf:  "tenant, behalf_user, time, id",
	IndexIP:      "tenant, ip_key, time, id",
	IndexProject: "tenant, project, time, id",
	IndexFacet:   "tenant, project, object_product, actor_type, outcome",
}

// indexWhere is what those have that are of a part of the entries, so that they
// cost hosts nothing that have no such part. MySQL has none of it.
var indexWhere = map[Index]string{
	IndexActor:   " WHERE actor_id <> ''",
	IndexBehalf:  " WHERE behalf_user <> ''",
	IndexProject: " WHERE project <> ''",
}

// indexFeature adds the indexes that the options don't leave out. create writes
// the statement that makes one, and passes over one that is there; there writes
// the query of how many of these names are indexes.
func indexFeature(o Options, create func(kind, columns, where string) string, there func(kinds []string) string) feature {
	f := feature{option: "Without"}
	var kinds []string
	for _, index := range Lean() {
		if o.has(index) {
			kinds = append(kinds, string(index))
			f.statements = append(f.statements, create(string(index), indexColumns[index], indexWhere[index]))
		}
	}
	if len(kinds) == 0 {
		f.there = "SELECT 1"
		return f
	}
	f.there = "SELECT CASE WHEN (" + there(kinds) + ") = " + strconv.Itoa(len(kinds)) + " THEN 1 ELSE 0 END"
	return f
}
