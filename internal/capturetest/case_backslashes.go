package capturetest

import (
	"testing"

	"gorm.io/gorm"
)

// testBackslashes: it depends on a setting of the session whether a backslash
// escapes the quote behind it, and so what a statement is.
func testBackslashes(t *testing.T) {
	settings := []struct{ name, only, begin, end, condition string }{
		{name: "standard strings", only: "postgres", condition: `id = 1 OR name = 'a\' OR name = 'c;d' OR name = 'x'`},
		{name: "no standard strings", only: "postgres", begin: "SET LOCAL standard_conforming_strings = off", condition: `id = 1 OR name = 'a\'; b' OR name = 'c\'; d'`},
		{name: "standard strings are off and don't end", only: "postgres", begin: "SET LOCAL standard_conforming_strings = off", condition: `id = 1 OR name = 'a\'`},
		{name: "escapes", only: "mariadb", condition: `id = 1 OR name = 'a\'; b' OR name = 'c\'; d'`},
		{
			name: "no escapes", only: "mariadb", begin: "SET sql_mode = 'STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES'", end: "SET sql_mode = @@global.sql_mode",
			condition: `id = 1 OR name = 'a\' OR name = 'c;d' OR name = 'x'`,
		},
	}
	var cases []rowCase
	for _, s := range settings {
		cases = append(cases, rowCase{name: s.name, only: []string{s.only}, tables: remarkTables, ddl: remarks, run: func(e *env, db *gorm.DB) {
			each := func(run func(tx *gorm.DB) *gorm.DB) {
				_ = db.Transaction(func(tx *gorm.DB) error {
					if s.begin != "" {
						e.ok(tx.Exec(s.begin))
					}
					one := run(tx.Where(s.condition).Session(&gorm.Session{}))
					e.seeCode(one)
					if s.end != "" {
						e.ok(tx.Exec(s.end))
					}
					return one.Error
				})
			}
			each(func(tx *gorm.DB) *gorm.DB { return tx.Table("remarks").Update("n", 11) })
			each(func(tx *gorm.DB) *gorm.DB { return tx.Model(&Remark{}).Updates(Remark{N: 12, Name: "x"}) })
			each(func(tx *gorm.DB) *gorm.DB { return tx.Delete(&HiddenRemark{}) })
			each(func(tx *gorm.DB) *gorm.DB { return tx.Delete(&Remark{}) })
		}, after: func(e *env) {
			for _, x := range e.entries {
				e.want(x.Action != "execute", "a statement was recorded as a whole")
			}
		}})
	}
	runRowCases(t, cases...)
}
