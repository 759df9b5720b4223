package capturetest

import (
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// oddColumn is a column of an unusual kind, and values for it in the database's own SQL.
type oddColumn struct {
	name   string
	ddl    string
	values []string
	// read says that the database computes it: it is not set.
	read bool
	// model is what a host has of the table, if it has one.
	model any
}

// OddFlag is a host's model of a boolean that is a number.
type OddFlag struct {
	ID   int64
	Flag bool
}

// TableName implements schema.Tabler.
func (OddFlag) TableName() string { return "odd_flag_modelled" }

// OddMade is a host's model of a time that is a text.
type OddMade struct {
	ID   int64
	Made time.Time
}

// TableName implements schema.Tabler.
func (OddMade) TableName() string { return "odd_made_modelled" }

// OddDoc is a host's model of a document.
type OddDoc struct {
	ID  int64
	Doc map[string]any `gorm:"serializer:json"`
}

// TableName implements schema.Tabler.
func (OddDoc) TableName() string { return "odd_doc_modelled" }

// oddColumns are tables of one such column each.
type oddColumns struct {
	workload string
	database string
	settings string
	before   []string // statements before the tables
	table    string   // what stands before the column
	columns  []oddColumn
}

func (c oddColumn) table() string { return "odd_" + c.name }

// work makes a workload with a part for each column.
func (o oddColumns) work() *workload {
	w := &workload{name: o.workload, only: []string{o.database}, share: 2, world: world{
		settings: map[string]string{o.database: o.settings},
		create: func(string) []string {
			list := o.before
			for _, c := range o.columns {
				list = append(list, "CREATE TABLE "+c.table()+" ("+o.table+", "+c.name+" "+c.ddl+")")
			}
			return list
		},
		tables: func(string) (list []judge.Table) {
			for _, c := range o.columns {
				list = append(list, judge.Table{Name: c.table()})
			}
			return list
		},
		rows: func(string) (list []string) {
			for _, c := range o.columns {
				list = append(list, c.rows())
			}
			return list
		},
		met: func(string) (list []any) {
			for _, c := range o.columns {
				if c.model != nil {
					list = append(list, c.model)
				}
			}
			return list
		},
	}}
	for _, c := range o.columns {
		w.parts = append(w.parts, part{name: strings.ReplaceAll(c.name, "_", " "), draw: c.sheet().draw})
	}
	return w
}

// rows has as many rows as there are values.
func (c oddColumn) rows() string {
	if c.read {
		return "INSERT INTO " + c.table() + " (n) VALUES (0), (1), (2)"
	}
	var values []string
	for _, v := range c.values {
		values = append(values, "(0, "+v+")")
	}
	return "INSERT INTO " + c.table() + " (n, " + c.name + ") VALUES " + strings.Join(values, ", ")
}

func (c oddColumn) sheet() sheet {
	s := sheet{table: c.table(), keyed: true, model: c.model, set: map[string][]any{"n": {0, 1, 2}}, where: []string{"n >= 0", "n > 0", "id % 2 = 1", "1 = 1", c.name + " IS NOT NULL"}}
	if !c.read {
		s.set[c.name] = exprs(c.values...)
	}
	return s
}

var sqliteColumns = oddColumns{workload: "columns", database: "sqlite",
	table: "id integer PRIMARY KEY AUTOINCREMENT, n integer NOT NULL DEFAULT 0",
	columns: []oddColumn{
		{name: "flag", ddl: "boolean", values: []string{"0", "1", "2", "NULL", "-1", "'yes'"}},
		{name: "flag_numeric", ddl: "numeric", values: []string{"0", "1", "2", "1.5", "NULL", "'x'"}},
		{name: "made", ddl: "datetime", values: []string{"'2026-03-01 10:00:00'", "'yesterday'", "''", "0", "1234567890", "'2026-13-45 99:00:00'", "'0000-00-00 00:00:00'", "'2026-03-01T10:00:00+05:00'", "NULL", "2460000.5"}},
		{name: "day", ddl: "date", values: []string{"'2026-03-01'", "'2026-02-30'", "'never'", "'0000-00-00'", "NULL", "20260301"}},
		{name: "body", ddl: "text", values: []string{"'text'", "X'C328'", "X''", "X'4142'", "42", "NULL", "'QUI='"}},
		{name: "body_not_utf8", ddl: "text", values: []string{"'text'", "CAST(X'C328' AS text)", "CAST(X'FF' AS text)", "'wyg='", "NULL"}},
		{name: "price", ddl: "decimal(10,2)", values: []string{"1.10", "'abc'", "'1.10'", "1e300", "-0.0", "NULL", "9007199254740993"}},
		{name: "number", ddl: "integer", values: []string{"1", "1.5", "'x'", "9223372036854775807", "-9223372036854775808", "NULL", "X'01'"}},
		{name: "ratio", ddl: "real", values: []string{"1", "0.1", "1e999", "-1e999", "'x'", "NULL", "0.1 + 0.2"}},
		{name: "data", ddl: "blob", values: []string{"X'00FF'", "'text in it'", "5", "1.5", "X''", "zeroblob(2000)", "NULL"}},
		{name: "doc", ddl: "json", values: []string{`'{"a":1}'`, `'{"a": 1}'`, "'null'", "NULL", "'not json'", "'[1, 2.0]'", "'\"text\"'", "X'C328'", "'1'"}},
		{name: "untyped", ddl: "", values: []string{"1", "'1'", "1.0", "X'31'", "NULL"}},
		{name: "flag_modelled", ddl: "integer", model: &OddFlag{}, values: []string{"0", "1", "2", "NULL"}},
		{name: "made_modelled", ddl: "text", model: &OddMade{}, values: []string{"'2026-03-01 10:00:00+00:00'", "'2026-03-01T10:00:00Z'", "'yesterday'", "''", "NULL"}},
		{name: "doc_modelled", ddl: "text", model: &OddDoc{}, values: []string{"'null'", "NULL", `'{"a": 1}'`, `'{"a":1}'`, "'not json'"}},
		{name: "computed", ddl: "text GENERATED ALWAYS AS ('n=' || n) STORED", read: true},
		{name: "computed_virtual", ddl: "integer AS (n * 2) VIRTUAL", read: true},
	}}

var mariaColumns = oddColumns{workload: "columns", database: "mariadb",
	table: "id bigint PRIMARY KEY AUTO_INCREMENT, n bigint NOT NULL DEFAULT 0",
	columns: []oddColumn{
		{name: "flag_modelled", ddl: "int", model: &OddFlag{}, values: []string{"0", "1", "2", "NULL"}},
		{name: "made_modelled", ddl: "varchar(30)", model: &OddMade{}, values: []string{"'2026-03-01 10:00:00'", "'2026-03-01T10:00:00Z'", "'yesterday'", "''", "NULL"}},
		{name: "doc_modelled", ddl: "text", model: &OddDoc{}, values: []string{"'null'", "NULL", `'{"a": 1}'`, `'{"a":1}'`, "'not json'"}},
		{name: "secretive", ddl: "varchar(20) INVISIBLE", values: []string{"'a'", "'b'", "NULL"}},
		{name: "made", ddl: "datetime", values: []string{"'2026-03-01 10:00:00'", "'0000-00-00 00:00:00'", "'2026-00-00 00:00:00'", "'0001-01-01 00:00:00'", "NULL"}},
		{name: "made_micro", ddl: "datetime(6)", values: []string{"'2026-03-01 10:00:00.000001'", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59.999999'", "NULL"}},
		{name: "stamped", ddl: "timestamp(3) NULL", values: []string{"'2026-03-01 10:00:00.5'", "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "NULL"}},
		{name: "day", ddl: "date", values: []string{"'2026-03-01'", "'0000-00-00'", "'2026-03-00'", "NULL"}},
		{name: "single", ddl: "float", values: []string{"0.117036", "0.1", "16777217", "1e30", "NULL", "0.3333333333"}},
		{name: "ratio", ddl: "double", values: []string{"0.1", "1e300", "0.1 + 0.2", "NULL"}},
		{name: "spot", ddl: "point", values: []string{"ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(65 66.5)')", "NULL"}},
		{name: "area", ddl: "geometry", values: []string{"ST_GeomFromText('LINESTRING(0 0, 1 1)')", "ST_GeomFromText('POINT(1 2)', 4326)", "NULL"}},
		{name: "flag", ddl: "tinyint(1)", values: []string{"0", "1", "3", "-1", "NULL"}},
		{name: "wait", ddl: "time(3)", values: []string{"'10:00:00'", "'-838:59:59'", "'100:00:00.5'", "NULL"}},
		{name: "vintage", ddl: "year", values: []string{"2026", "0", "1901", "NULL"}},
		{name: "mood", ddl: "enum('sad', 'ok', '')", values: []string{"'sad'", "'ok'", "''", "NULL"}},
		{name: "marks", ddl: "set('a', 'b', 'c')", values: []string{"'a'", "'a,c'", "''", "NULL"}},
		{name: "bits", ddl: "bit(12)", values: []string{"b'101'", "b'111100001111'", "b'0'", "NULL"}},
		{name: "doc", ddl: "json", values: []string{`'{"a":1}'`, `'{"a": 1}'`, "'null'", "NULL", "'[1, 2.0]'", "'\"text\"'"}},
		{name: "amount", ddl: "decimal(30,10)", values: []string{"1.10", "12345678901234567890.0123456789", "0", "NULL"}},
		{name: "big", ddl: "bigint unsigned", values: []string{"18446744073709551615", "0", "NULL"}},
		{name: "code", ddl: "char(5)", values: []string{"'ab'", "'ab   '", "''", "NULL"}},
		{name: "latin", ddl: "varchar(20) CHARACTER SET latin1", values: []string{"'é'", "'e'", "NULL"}},
		{name: "raw_bytes", ddl: "varbinary(20)", values: []string{"X'C328'", "'text'", "X''", "NULL"}},
		{name: "address", ddl: "inet6", values: []string{"'::1'", "'2001:db8::ff00:42:8329'", "NULL"}},
		{name: "identity_text", ddl: "uuid", values: []string{"'123e4567-e89b-12d3-a456-426655440000'", "NULL"}},
		{name: "computed", ddl: "varchar(30) AS (concat('n=', n)) STORED", read: true},
		{name: "computed_virtual", ddl: "bigint AS (n * 2) VIRTUAL", read: true},
	}}

// mariaLax is a host whose server takes any value, and whose driver reads times in
// a zone with daylight saving: 2026-03-29 02:30 is left out there.
var mariaLax = oddColumns{workload: "columns of a lax host", database: "mariadb", settings: "&sql_mode=%27%27&loc=Europe%2FBerlin",
	table: "id bigint PRIMARY KEY AUTO_INCREMENT, n bigint NOT NULL DEFAULT 0",
	columns: []oddColumn{
		{name: "made", ddl: "datetime", values: []string{"'2026-03-29 02:30:00'", "'2026-10-25 02:30:00'", "'2026-03-01 10:00:00'", "'0000-00-00 00:00:00'", "'2026-02-31 00:00:00'", "NULL"}},
		{name: "made_micro", ddl: "datetime(6)", values: []string{"'2026-03-29 02:30:00.5'", "'2026-03-29 03:30:00.5'", "NULL"}},
		{name: "day", ddl: "date", values: []string{"'2026-03-29'", "'0000-00-00'", "NULL"}},
		{name: "stamped", ddl: "timestamp NULL", values: []string{"'2026-03-29 02:30:00'", "'2026-10-25 01:30:00'", "NULL"}},
		{name: "clipped", ddl: "tinyint unsigned", values: []string{"300", "-5", "'x'", "NULL"}},
		{name: "cut", ddl: "varchar(3)", values: []string{"'abcdef'", "'ab'", "NULL"}},
	}}

var postgresColumns = oddColumns{workload: "columns", database: "postgres",
	before: []string{`CREATE TYPE pair AS (a integer, b text)`, `CREATE TYPE mood AS ENUM ('sad', 'ok')`, `CREATE DOMAIN positive AS integer CHECK (VALUE > 0)`},
	table:  "id bigserial PRIMARY KEY, n bigint NOT NULL DEFAULT 0",
	columns: []oddColumn{
		{name: "made_modelled", ddl: "text", model: &OddMade{}, values: []string{"'2026-03-01 10:00:00+00'", "'2026-03-01T10:00:00Z'", "'yesterday'", "''", "NULL"}},
		{name: "doc_modelled", ddl: "text", model: &OddDoc{}, values: []string{"'null'", "NULL", `'{"a": 1}'`, `'{"a":1}'`, "'not json'"}},
		{name: "tags", ddl: "text[]", values: []string{"ARRAY['a','b']", "'{}'", "ARRAY[NULL,'x,y']", "ARRAY[['a','b'],['c','d']]", "NULL"}},
		{name: "numbers", ddl: "integer[]", values: []string{"ARRAY[1,2]", "'[0:1]={1,2}'", "'{}'", "NULL"}},
		{name: "moments", ddl: "timestamptz[]", values: []string{"ARRAY['2026-03-01 10:00+00'::timestamptz]", "'{}'", "NULL"}},
		{name: "pair", ddl: "pair", values: []string{"ROW(1,'x')::pair", "ROW(NULL,NULL)::pair", "ROW(2,'a,\"b')::pair", "NULL"}},
		{name: "pairs", ddl: "pair[]", values: []string{"ARRAY[ROW(1,'x')::pair]", "NULL"}},
		{name: "mood", ddl: "mood", values: []string{"'sad'", "'ok'", "NULL"}},
		{name: "span", ddl: "int4range", values: []string{"'[1,5)'", "'empty'", "'(,7]'", "NULL"}},
		{name: "period", ddl: "tstzrange", values: []string{"'[2026-03-01 10:00+00,2026-03-02 10:00+00)'", "'empty'", "NULL"}},
		{name: "spans", ddl: "int4multirange", values: []string{"'{[1,5),[7,9)}'", "'{}'", "NULL"}},
		{name: "wait", ddl: "interval", values: []string{"'1 day 02:00'", "'-1 mon'", "'1 year 2 mons -3 days 04:05:06.789'", "NULL"}},
		{name: "made", ddl: "timestamptz", values: []string{"'infinity'", "'-infinity'", "'2026-03-29 02:30+01'", "'0044-03-15 00:00+00 BC'", "'12026-01-01 00:00+00'", "NULL"}},
		{name: "made_plain", ddl: "timestamp", values: []string{"'infinity'", "'2026-03-29 02:30'", "'0044-03-15 BC'", "NULL"}},
		{name: "day", ddl: "date", values: []string{"'infinity'", "'2026-03-01'", "'0044-03-15 BC'", "NULL"}},
		{name: "clock", ddl: "time", values: []string{"'10:00:00.5'", "'24:00'", "NULL"}},
		{name: "clock_zone", ddl: "timetz", values: []string{"'10:00:00+02'", "NULL"}},
		{name: "price", ddl: "money", values: []string{"12.5::numeric::money", "(-1)::numeric::money", "NULL"}},
		{name: "amount", ddl: "numeric", values: []string{"'NaN'", "'Infinity'", "1.10", "1.1", "12345678901234567890.0123456789", "NULL"}},
		{name: "ratio", ddl: "double precision", values: []string{"'NaN'", "'-Infinity'", "0.1", "1e300", "NULL"}},
		{name: "single", ddl: "real", values: []string{"0.117036", "'NaN'", "16777217", "NULL"}},
		{name: "doc_null", ddl: "jsonb", values: []string{"'null'", "NULL", `'{"a": 1}'`, `'{"a": null}'`, "'[]'", "'\"text\"'"}},
		{name: "doc", ddl: "json", values: []string{`'{"a": 1}'`, `'{"a":1}'`, `'{"a":1,"b":2}'`, `'{"b":2,"a":1}'`, "'1.0'", "'1'", "NULL", "'null'"}},
		{name: "code", ddl: "char(5)", values: []string{"'ab'", "'abcde'", "''", "NULL"}},
		{name: "address", ddl: "inet", values: []string{"'10.0.0.1'", "'10.0.0.0/8'", "'::1'", "NULL"}},
		{name: "bits", ddl: "bit(3)", values: []string{"B'101'", "B'000'", "NULL"}},
		{name: "identity_text", ddl: "uuid", values: []string{"'123e4567-e89b-12d3-a456-426655440000'", "NULL"}},
		{name: "words", ddl: "tsvector", values: []string{"to_tsvector('simple', 'a b')", "NULL"}},
		{name: "markup", ddl: "xml", values: []string{"'<a>1</a>'", "NULL"}},
		{name: "amount_positive", ddl: "positive", values: []string{"1", "7", "NULL"}},
		{name: "spot", ddl: "point", values: []string{"'(1,2)'", "NULL"}},
		{name: "raw_bytes", ddl: "bytea", values: []string{`'\xc328'`, `'\x'`, "NULL"}},
		{name: "reference", ddl: "regclass", values: []string{"'pg_class'", "NULL"}},
		{name: "flag_modelled", ddl: "integer", model: &OddFlag{}, values: []string{"0", "1", "2", "NULL"}},
		{name: "computed", ddl: "text GENERATED ALWAYS AS ('n=' || n::text) STORED", read: true},
		{name: "numbered", ddl: "bigint GENERATED ALWAYS AS IDENTITY", read: true},
	}}

// versioned is a table of which MariaDB keeps earlier rows.
func versioned() *workload {
	tables := map[string]string{
		"implicit":   "CREATE TABLE versioned_implicit (id bigint PRIMARY KEY AUTO_INCREMENT, n bigint NOT NULL DEFAULT 0, a varchar(20)) WITH SYSTEM VERSIONING",
		"explicit":   "CREATE TABLE versioned_explicit (id bigint PRIMARY KEY AUTO_INCREMENT, n bigint NOT NULL DEFAULT 0, a varchar(20), row_start timestamp(6) GENERATED ALWAYS AS ROW START, row_end timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (row_start, row_end)) WITH SYSTEM VERSIONING",
		"one column": "CREATE TABLE versioned_one_column (id bigint PRIMARY KEY AUTO_INCREMENT, n bigint NOT NULL DEFAULT 0, a varchar(20) WITH SYSTEM VERSIONING)",
	}
	w := &workload{name: "versioning", only: []string{"mariadb"}, share: 3, world: world{
		create: func(string) (list []string) {
			for _, name := range keysOf(tables) {
				list = append(list, tables[name])
			}
			return list
		},
		tables: func(string) (list []judge.Table) {
			for _, name := range keysOf(tables) {
				list = append(list, judge.Table{Name: "versioned_" + underscored(name), Optional: []string{"row_start", "row_end"}})
			}
			return list
		},
		rows: func(string) (list []string) {
			for _, name := range keysOf(tables) {
				list = append(list, "INSERT INTO versioned_"+underscored(name)+" (id, n, a) VALUES (1, 0, 'a'), (2, 1, 'b'), (3, 2, NULL)")
			}
			return list
		},
	}}
	for _, name := range keysOf(tables) {
		s := sheet{table: "versioned_" + underscored(name), keyed: true, set: map[string][]any{"n": {0, 1, 2}, "a": {"a", "b", nil}}, where: []string{"n >= 0", "n = 1", "id % 2 = 1"}}
		w.parts = append(w.parts, part{name: name, draw: s.draw})
	}
	return w
}
