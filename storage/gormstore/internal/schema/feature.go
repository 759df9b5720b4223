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

// FacetTable is the table of the values of facets, whatever the options say.
func (s Schema) FacetTable() Feature {
	t, text := s.table, s.name+" NOT NULL"
	return Feature{Option: "Without", There: s.exists(t, t.Facets()), Statements: []string{
		"CREATE TABLE " + t.In(t.Facets(), s.quote) + " (facet " + text + ", value " + text + ", tenant " + text + ", PRIMARY KEY (facet, value, tenant))" + s.clustered,
		s.createIndex(t.Facets(), "facets_tenant", "tenant, facet, value", "", false),
	}}
}

// HasFacets is a query of one number, 0 if there is no table of the values of facets.
// HasOlderFacets asks for that of versions before the table of checkpoints, and HasTerms
// for the search terms.
func (s Schema) HasFacets() string { return s.exists(s.table, s.table.Facets()) }

// HasOlderFacets: see HasFacets.
func (s Schema) HasOlderFacets() string { return s.exists(s.table, s.table.OlderFacetsAt()) }

// HasTerms: see HasFacets.
func (s Schema) HasTerms() string { return s.exists(s.table, s.table.Terms()) }

// KeywordTables are the tables and the index of keywords, whatever the options say; false
// if the database can't have them.
func (s Schema) KeywordTables() (Feature, bool) {
	if s.keywords == nil {
		return Feature{}, false
	}
	return s.keywords(s), true
}

// termTables makes the tables of search terms; number is a column before their ID.
func (s Schema) termTables(number string) []string {
	t, text := s.table, s.name+" NOT NULL"
	return []string{
		"CREATE TABLE " + t.In(t.Terms(), s.quote) + " (" + number + "id " + text + " UNIQUE, kind " + text + ", value " + text + ", search " + text + ")",
		s.createIndex(t.Terms(), "terms_value", "kind, value", "", false),
		"CREATE TABLE " + t.In(t.TermsOf(), s.quote) + " (id " + text + ", tenant " + text + ", PRIMARY KEY (id, tenant))" + s.clustered,
	}
}
