package schema

import (
	"slices"
	"strconv"
	"strings"
)

// Index is an index of the entries' table.
type Index string

// The indexes that a host may do without (Options.Without).
const (
	IndexType    Index = "type"
	IndexAction  Index = "action"
	IndexUser    Index = "user"
	IndexActor   Index = "actor"
	IndexBehalf  Index = "behalf"
	IndexIP      Index = "ip"
	IndexProject Index = "project"
	IndexFacet   Index = "facet"
)

// Indexes that always exist. IndexOutcome lacks the entries that succeeded, so it costs
// next to nothing; MySQL doesn't have it.
const (
	IndexTenant  Index = "tenant"
	IndexObject  Index = "object"
	IndexOutcome Index = "outcome"
)

// Failed is the condition of IndexOutcome. A query that is to use the index repeats it:
// no database concludes it from a parameter.
const Failed = "outcome <> 'success'"

// index describes an index of entries.
type index struct {
	kind    Index
	columns string
	where   string // of an index of a part of the entries; "": of all
	since   int    // the version of the schema that added it; 0: Options.Without may name it
}

// indexes are those of the entries' table. Those of a part of the entries cost hosts
// nothing that have no such entries.
var indexes = []index{
	{"time", "time, id", "", 1},
	{IndexTenant, "tenant, time, id", "", 1},
	{IndexObject, "tenant, object_key, time, id, object_type", "", 1},
	{"transaction", "transaction_id, time, id", "transaction_id <> ''", 1},
	{"request", "request_id, time, id", "request_id <> ''", 1},
	{indexFeed, "xid, seq", "", 1},
	{IndexOutcome, "tenant, outcome, time, id", Failed, 3},
	{IndexType, "tenant, object_type, time, id", "", 0},
	{IndexAction, "tenant, action, time, id", "", 0},
	{IndexUser, "tenant, actor_user, time, id", "", 0},
	{IndexActor, "tenant, actor_id, time, id", "actor_id <> ''", 0},
	{IndexBehalf, "tenant, behalf_user, time, id", "behalf_user <> ''", 0},
	{IndexIP, "tenant, ip_key, time, id", "", 0},
	{IndexProject, "tenant, project, time, id", "project <> ''", 0},
	{IndexFacet, "tenant, project, object_product, actor_type, outcome", "", 0},
}

// indexFeed is PostgreSQL's: elsewhere the feed has the order of the primary key.
const indexFeed Index = "feed"

// Optional returns the indexes that Options.Without may name.
func Optional() (list []Index) {
	for _, i := range indexes {
		if i.since == 0 {
			list = append(list, i.kind)
		}
	}
	return list
}

// IsPartial reports whether an index is of a part of the entries, where the database has
// such indexes.
func IsPartial(kind Index) bool {
	return slices.ContainsFunc(indexes, func(i index) bool { return i.kind == kind && i.where != "" })
}

// Has reports whether the table has the index, as far as these options say.
func (o Options) Has(i Index) bool { return !slices.Contains(o.Without, i) }

// createIndex is the statement that makes an index of the named table. again passes over
// an existing one where the database can.
func (s Schema) createIndex(on, kind, columns, where string, again bool) string {
	create, name, table := "CREATE INDEX ", s.table.Index(kind, s.quote), s.table.In(on, s.quote)
	if again && s.ifNotExists {
		create += "IF NOT EXISTS "
	}
	if s.indexInSchema {
		name, table = s.table.SchemaIndex(kind, s.quote), QuoteName(on, s.quote)
	}
	if where != "" && s.partialIndexes {
		columns += ") WHERE " + where
	} else {
		columns += ")"
	}
	return create + name + " ON " + table + " (" + columns
}

// indexesSince are the statements that make the indexes of a version.
func (s Schema) indexesSince(version int) (list []string) {
	for _, i := range indexes {
		on := s.table.Base
		if i.kind == indexFeed {
			on = s.feedTable(s.table)
		}
		if i.since != version || on == "" || i.kind == IndexOutcome && !s.partialIndexes {
			continue
		}
		list = append(list, s.createIndex(on, string(i.kind), i.columns, i.where, false))
	}
	return list
}

// optionalIndexes adds the indexes that the options don't leave out.
func (s Schema) optionalIndexes() Feature {
	f := Feature{Option: "Without", There: "SELECT 1"}
	var kinds []string
	for _, i := range indexes {
		if i.since == 0 && s.Has(i.kind) {
			kinds = append(kinds, string(i.kind))
			f.Statements = append(f.Statements, s.createIndex(s.table.Base, string(i.kind), i.columns, i.where, true))
		}
	}
	if len(kinds) > 0 {
		f.There = "SELECT CASE WHEN (" + s.indexesExist(s.table, kinds) + ") = " + strconv.Itoa(len(kinds)) + " THEN 1 ELSE 0 END"
	}
	return f
}

// indexNames are the names of indexes as texts in SQL.
func (t Table) indexNames(kinds []string) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = "'" + t.Base + "_" + kind + "'"
	}
	return strings.Join(names, ", ")
}
