package hooks

import (
	"fmt"
	"strconv"
	"strings"
)

// logTriggers are the triggers of a change log, and the temporary tables that they
// write: gormtrail_log_N, and gormtrail_met_N for the rows that may be removed.
// Both have N columns of values, and stay, empty, with the connection.
type logTriggers struct {
	*capture
	log, met string
	values   string // the columns of both: v0, v1, …
}

func (c *capture) triggers() logTriggers {
	t := logTriggers{capture: c}
	n := strconv.Itoa(len(c.table.columns))
	t.log, t.met = "gormtrail_log_"+n, "gormtrail_met_"+n
	names := make([]string, len(c.table.columns))
	for i := range names {
		names[i] = "v" + strconv.Itoa(i)
	}
	t.values = strings.Join(names, ", ")
	return t
}

var triggerNames = []string{"gormtrail_insert", "gormtrail_update", "gormtrail_delete", "gormtrail_before"}

// create is the DDL. A conflict in a trigger would be resolved as the host's
// statement says, so the tables have no unique column of their own.
func (t logTriggers) create() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TEMP TABLE IF NOT EXISTS %s (seq INTEGER PRIMARY KEY, op, place, %s);", t.log, t.values)
	fmt.Fprintf(&b, "CREATE TEMP TABLE IF NOT EXISTS %s (seq INTEGER PRIMARY KEY, place, %s);", t.met, t.values)
	on := func(name, event, body string) {
		fmt.Fprintf(&b, "CREATE TEMP TRIGGER gormtrail_%s %s ON %s BEGIN %s END;", name, event, t.table.quoted(t.plugin.dialect), body)
	}
	moved := " OR place = " + t.place("NEW")
	on("insert", "AFTER INSERT", t.logGone(moved)+t.note(opIs, "NEW"))
	on("update", "AFTER UPDATE", t.logGone(moved+" AND place <> "+t.place("OLD"))+t.note(opWas, "OLD")+t.note(opIs, "NEW"))
	on("delete", "AFTER DELETE", "DELETE FROM "+t.met+" WHERE place = "+t.place("OLD")+";"+t.note(opGone, "OLD"))
	switch {
	case !t.removes() || t.text.verb == "DELETE":
	case t.text.verb == "UPDATE":
		on("before", "BEFORE UPDATE", t.meetings(" AND "+t.place(metRow)+" <> "+t.place("OLD")))
	default:
		on("before", "BEFORE INSERT", t.meetings(""))
	}
	return b.String()
}

// drop takes the triggers away, and empties the tables.
func (t logTriggers) drop() string {
	var b strings.Builder
	for _, name := range triggerNames {
		b.WriteString("DROP TRIGGER IF EXISTS temp." + name + ";")
	}
	return b.String() + "DELETE FROM temp." + t.log + ";DELETE FROM temp." + t.met + ";"
}

func (t logTriggers) query() string {
	return "SELECT op, place, " + t.values + " FROM temp." + t.log + " ORDER BY seq"
}

// place is what tells a row from others: its rowid, or its key.
func (t logTriggers) place(ref string) string {
	if name := t.table.rowidName(); name != "" {
		return ref + "." + name
	}
	return t.keyLiterals(ref)
}

func (t logTriggers) columnsOf(ref string) string {
	list := make([]string, len(t.table.columns))
	for i, c := range t.table.columns {
		list[i] = ref + "." + t.plugin.dialect.quote(c.name)
	}
	return strings.Join(list, ", ")
}

// note logs a row.
func (t logTriggers) note(op, ref string) string {
	return fmt.Sprintf("INSERT INTO %s (op, place, %s) VALUES ('%s', %s, %s);", t.log, t.values, op, t.place(ref), t.columnsOf(ref))
}

// logGone logs the noted rows that are no longer there.
func (t logTriggers) logGone(moved string) string {
	gone := fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s AS %s WHERE %s)%s", t.table.quoted(t.plugin.dialect), metRow, t.isNoted(), moved)
	return fmt.Sprintf("INSERT INTO %[1]s (op, place, %[2]s) SELECT '%[3]s', place, %[2]s FROM (SELECT max(seq), place, %[2]s FROM %[4]s WHERE %[5]s GROUP BY place);DELETE FROM %[4]s WHERE %[5]s;",
		t.log, t.values, opGone, t.met, gone)
}

// metRow is the table's name where a trigger looks for rows.
const metRow = "gormtrail_row"

// isNoted is the condition on metRow to be the noted row, by an index.
func (t logTriggers) isNoted() string {
	if name := t.table.rowidName(); name != "" {
		return metRow + "." + name + " = " + t.met + ".place"
	}
	var parts []string
	for i, c := range t.table.columns {
		if t.table.isKey(c.name) {
			parts = append(parts, fmt.Sprintf("%s.%s = %s.v%d", metRow, t.plugin.dialect.quote(c.name), t.met, i))
		}
	}
	return strings.Join(parts, " AND ")
}

// meetings notes the rows that hold a unique value of the row to come: more than
// that where a part of an index is an expression or the index is partial.
func (t logTriggers) meetings(but string) string {
	var b strings.Builder
	d := t.plugin.dialect
	meet := func(condition string) {
		fmt.Fprintf(&b, "INSERT INTO %s (place, %s) SELECT %s, %s FROM %s AS %s WHERE %s%s;",
			t.met, t.values, t.place(metRow), t.columnsOf(metRow), t.table.quoted(d), metRow, condition, but)
	}
	if name := t.table.rowidName(); name != "" {
		meet(metRow + "." + name + " = NEW." + name)
	}
	for _, u := range t.table.uniques {
		parts := []string{"1"}
		for i, name := range u.columns {
			if name == "" {
				continue
			}
			value := "NEW." + d.quote(name)
			if col, _ := t.table.column(name); col.fallback != "" { // what REPLACE makes of NULL
				value = "ifnull(" + value + ", (" + col.fallback + "))"
			}
			parts = append(parts, fmt.Sprintf("%s.%s COLLATE %s = %s", metRow, d.quote(name), d.quote(u.collations[i]), value))
		}
		meet(strings.Join(parts, " AND "))
	}
	return b.String()
}
