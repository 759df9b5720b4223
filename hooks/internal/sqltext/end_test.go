package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ends are texts in which a bar stands where the statement ends; without one the
// text is not a complete statement.
var ends = map[string][]string{
	"every database": {
		"DELETE FROM t WHERE id = 1|",
		"DELETE FROM t WHERE id = 1| \n\t",
		"DELETE FROM t WHERE id = 1| -- by job",
		"DELETE FROM t WHERE id = 1| -- by job\n",
		"DELETE FROM t WHERE id = 1| ;",
		"DELETE FROM t WHERE id = 1| ; -- by job\n ;; /* x */ ",
		"DELETE FROM t WHERE /* ; */ id = 1| /* by 'job */",
		"DELETE FROM t -- it's\nWHERE a = 'x; y'|;",
		"DELETE FROM t WHERE a = '-- x'|",
		"DELETE FROM t WHERE a = 'it''s'|",
		"DELETE FROM t WHERE a = '/*' AND b = '*/'|",
		";; DELETE FROM t| ;",
		"DELETE FROM t; DELETE FROM u",
		"DELETE FROM t;;-- x\nDELETE FROM u",
		"DELETE FROM t WHERE a = 'x",
		"DELETE FROM t WHERE a = 'x''",
		"DELETE FROM t WHERE \"a = 1",
		"|",
		"| -- nothing",
	},
	"sqlite": {
		"DELETE FROM t| /* open",
		"DELETE FROM t| /* a /* b */",
		"DELETE FROM t /* a /* b */ c */|",
		"DELETE FROM t --x\r WHERE a = 1\n|"[:len("DELETE FROM t")] + "| --x\r WHERE a = 1\n",
		"DELETE FROM t WHERE a = '\\'|",
		"DELETE FROM t WHERE [it's; a] = 1|",
		"DELETE FROM t WHERE `it's; a` = 1|",
		"DELETE FROM t WHERE [a",
		"DELETE FROM t WHERE a = $a('), b = $b(')|",
		"DELETE FROM t WHERE a = :::a(')|",
		"DELETE FROM t|\x00; DELETE FROM u",
		"DELETE FROM t WHERE a = 'x\x00'",
		"DELETE FROM t|\ufeff"[:len("DELETE FROM t")] + "\ufeff|",
		"DELETE FROM t| \ufeff;",
		"DELETE FROM t WHERE a = x'00'|",
		"DELETE FROM t WHERE a = 1--1\n|"[:len("DELETE FROM t WHERE a = 1")] + "|--1\n",
		"DELETE FROM t /*",
	},
	"postgres": {
		"DELETE FROM t| /* a /* b */ c */",
		"DELETE FROM t /* a /* b */",
		"DELETE FROM t /* open",
		"DELETE FROM t --x\r WHERE a = 1|",
		"DELETE FROM t WHERE a = '\\'|",
		"DELETE FROM t WHERE a LIKE 'x' ESCAPE '\\'|;",
		"DELETE FROM t WHERE a = E'it\\'s'|",
		"DELETE FROM t WHERE a = E'it\\'s; x'|",
		"DELETE FROM t WHERE a = E'x' -- c\n 'it\\'s; x'|",
		"DELETE FROM t WHERE a = $$it's; x$$|",
		"DELETE FROM t WHERE a = $a$ $$ ; $b$ $a$|",
		"DELETE FROM t WHERE a = $a$ $A$",
		"DELETE FROM t WHERE a = $1|",
		"DELETE FROM t WHERE a$$b = 1 AND c$$ = 2|",
		"DELETE FROM t WHERE a ? 'x' AND b = arr[1:2]|",
		"DELETE FROM t WHERE U&\"d\\0061t;\" = U&'\\'|",
		"DELETE FROM t WHERE a = @e'it\\'s'|",
		"DELETE FROM t WHERE a = 1e'it\\'s'",
		"DELETE FROM t\x00",
	},
	"mysql": {
		"DELETE FROM t| # by job",
		"DELETE FROM t| #",
		"DELETE FROM t WHERE a = 1--1|",
		"DELETE FROM t WHERE a = 1| --\x01 WHERE",
		"DELETE FROM t| --",
		"DELETE FROM t WHERE a = 1 --#",
		"DELETE FROM t /* open",
		"DELETE FROM t| /* a /* b */",
		"DELETE FROM t WHERE a = 'it\\'s'|",
		"DELETE FROM t WHERE a = 'it\\' AND b = 'c'|",
		"DELETE FROM t WHERE a = 'it\\' ; c'",
		"DELETE FROM t WHERE a = 'a\\\\b'|",
		"DELETE FROM t WHERE a = 'it\\'s' AND b = 'x\\'y'|",
		"DELETE FROM t WHERE a = \"it's; x\"|",
		"DELETE FROM t WHERE a = _utf8'it''s;'|",
		"DELETE FROM t WHERE a = @'x;y' AND `it's;` = 1|",
		"DELETE FROM t /*! WHERE a = 1 */|",
		"DELETE FROM t /*! WHERE a = 1 */| ;",
		"DELETE FROM t /*!50000 ; DELETE FROM u */",
		"DELETE FROM t /*! WHERE a = '*/'",
		"DELETE FROM t WHERE a = 1 /*M! AND b = 1 */|",
		"DELETE /*+ NO_ICP(`t`) */ FROM t|",
		"DELETE /*+ X('*/') */ FROM t|"[:len("DELETE /*+ X('*/') */ FROM t")],
		"DELETE FROM t WHERE a = '\xbf\\' ; x'",
		"DELETE FROM t\x00",
	},
}

var dialects = map[string]Dialect{"sqlite": SQLite, "postgres": PostgreSQL, "mysql": MySQL}

func TestEnd(t *testing.T) {
	for group, list := range ends {
		for name, d := range dialects {
			if group != name && group != "every database" {
				continue
			}
			for _, text := range list {
				sql := strings.Replace(text, "|", "", 1)
				end, complete := End(sql, d)
				require.Equal(t, strings.Contains(text, "|"), complete, "%s: %q", name, sql)
				if complete {
					require.Equal(t, text, sql[:end]+"|"+sql[end:], name)
				}
			}
		}
	}
}

// TestEndByASetting: a text that means two things ends in one place once it is
// known which is meant.
func TestEndByASetting(t *testing.T) {
	for _, d := range []Dialect{PostgreSQL, MySQL} {
		for sql, want := range map[string]struct{ escaping, literal bool }{
			`DELETE FROM t WHERE a = 'a\' OR a = 'c;d'`:            {false, true},
			`DELETE FROM t WHERE a = 'a\'; b' OR a = 'c\'; d'`:     {true, false},
			`DELETE FROM t WHERE a = 'a\' OR a = 'c;d' OR a = 'x'`: {false, true},
		} {
			require.True(t, DependsOnEscapes(sql, d), sql)
			_, complete := End(sql, d)
			require.False(t, complete, sql)
			for escapes, is := range map[bool]bool{true: want.escaping, false: want.literal} {
				_, complete = End(sql, d.Escaping(escapes))
				require.Equal(t, is, complete, "%s, escaping %v", sql, escapes)
				require.Equal(t, !is, Read(sql, d.Escaping(escapes)).Several, "%s, escaping %v", sql, escapes)
			}
		}
		for _, sql := range []string{`DELETE FROM t WHERE a = 'it\'s'`, `DELETE FROM t WHERE a = '\d'`, `DELETE FROM t WHERE a = 'x'`} {
			require.False(t, DependsOnEscapes(sql, d), sql)
		}
	}
}

func TestInCode(t *testing.T) {
	for group, list := range map[string][]string{
		"every database": {
			"+DELETE FROM +t+ WHERE a+ =+ 'x' +AND b = 1+",
			"DEL-ETE FROM t WHERE a = '-x-'",
			"DELETE FROM t +/-* x -*-/+ WHERE a = 1 +-- x --y-",
			"DELETE FROM t -- x-\n+WHERE a = 'it-'-'-s'+ AND b = 1+",
			"DELETE FROM t WHERE a = 'x-",
			"+DELETE FROM t WHERE a = 'x' AND b = 'y' +RETURNING a+",
			"DELETE FROM t WHERE a = 'x- AND b =- y' +RETURNING a+",
		},
		"sqlite":   {"DELETE FROM t +/* x- ; -RETURNING", "DELETE FROM [t- x]+ WHERE a = $a('-)+", "DELETE FROM t+\x00-"},
		"postgres": {"DELETE FROM t WHERE a = E'-x\\'-'+ AND b = $$-'$$+", "DELETE FROM t /* /* */- */ +RETURNING a", "U&-\"-a\"+"},
		"mysql":    {"DELETE FROM t +# -x-", "DELETE FROM t +/-*! WHERE- a = 1- */+ WHERE", "DELETE FROM t WHERE a = 'x\\'- AND b =- y'"},
	} {
		for name, d := range dialects {
			if group != name && group != "every database" {
				continue
			}
			for _, text := range list {
				sql, in, out := marked(text)
				require.True(t, len(in) == 0 || InCode(sql, d, in...), "%s: %q at %v", name, sql, in)
				for _, at := range out {
					require.False(t, InCode(sql, d, at), "%s: %q at %d", name, sql, at)
				}
			}
		}
	}
	require.False(t, InCode("x", SQLite, 2))
	require.False(t, InCode("x", SQLite, -1))
}

// marked takes the marks "+" (in code) and "-" (not in code) out of a text; a
// line comment's dashes stay.
func marked(text string) (sql string, in, out []int) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			in = append(in, b.Len())
		case strings.HasPrefix(text[i:], "-- "):
			b.WriteString("-- ")
			i += 2
		case text[i] == '-':
			out = append(out, b.Len())
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), in, out
}
