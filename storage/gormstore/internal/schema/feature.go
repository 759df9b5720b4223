package schema

// Feature is what an option adds to the schema. Migrate adds it where it is missing,
// under the same lock as everything else, and never takes it away: a store without the
// option works beside it.
type Feature struct {
	Option string // its name in gormstore.Options
	// There is a query of one number, 0 where the feature is to be added. It must
	// not fail where a table is missing, and take no lock that waits for writers.
	There string
	// Statements add it. Where DDL is no part of a transaction (MySQL), an earlier
	// run may have done the first of them: sqldb.Engine.AlreadyDone passes over those.
	Statements []string
	// Lacks says what the database lacks for it, and what is to be done; "" for
	// another error. nil: nothing can be lacking.
	Lacks func(error) string
}

// ValueTables are the tables of the values of facets, whatever the options say.
func (s Schema) ValueTables() Feature {
	values, upto := s.table.In(s.table.Values(), s.quote), s.table.In(s.table.Upto(), s.quote)
	name := s.name + " NOT NULL"
	return Feature{Option: "Without", There: s.exists(s.table, s.table.Upto()), Statements: []string{
		"CREATE TABLE " + values + " (facet " + name + ", value " + name + ", tenant " + name + ", PRIMARY KEY (facet, value, tenant))" + s.clustered,
		s.createIndex(s.table.Values(), "values_tenant", "tenant, facet, value", "", false),
		"CREATE TABLE " + upto + " (only_row INTEGER NOT NULL PRIMARY KEY, version BIGINT NOT NULL, position " + s.text + " NOT NULL, entries BIGINT NOT NULL)" + s.plain,
	}}
}

// KeywordTables are the tables and the index of keywords, whatever the options say; false
// if the database can't have them.
func (s Schema) KeywordTables() (Feature, bool) {
	if s.keywords == nil {
		return Feature{}, false
	}
	return s.keywords(s), true
}

// textTables makes the tables of texts; number is a column before their ID.
func (s Schema) textTables(number string) []string {
	t, text := s.table, s.name+" NOT NULL"
	upto := t.In(t.TextsUpto(), s.quote)
	return []string{
		"CREATE TABLE " + t.In(t.Texts(), s.quote) + " (" + number + "id " + text + " UNIQUE, kind " + text + ", value " + text + ", search " + text + ")",
		s.createIndex(t.Texts(), "texts_value", "kind, value", "", false),
		"CREATE TABLE " + t.In(t.TextsOf(), s.quote) + " (id " + text + ", tenant " + text + ", PRIMARY KEY (id, tenant))" + s.clustered,
		"CREATE TABLE " + upto + " (only_row INTEGER NOT NULL PRIMARY KEY, version BIGINT NOT NULL, position " + text + ", entries BIGINT NOT NULL)",
		// The feed's beginning; Migrate reads on from there.
		"INSERT INTO " + upto + " (only_row, version, position, entries) VALUES (1, 0, '', 0)",
	}
}
