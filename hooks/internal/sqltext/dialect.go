// Package sqltext reads SQL by the lexical rules of one database: where a
// statement ends, whether an offset lies in code, and which tokens a text has.
//
// Settings of a session can change these rules (NO_BACKSLASH_ESCAPES on MySQL,
// standard_conforming_strings on PostgreSQL), and so can the server's version
// (executable comments). A text that such a setting affects is read under each
// of them, and the answers err on the side of caution where they differ.
package sqltext

import "strings"

// Dialect is the database whose rules apply. MySQL stands for MariaDB too.
type Dialect int

// The databases.
const (
	SQLite Dialect = iota
	PostgreSQL
	MySQL
)

// quotes are the characters that both begin and end a quoted part.
func (d Dialect) quotes() string {
	if d == PostgreSQL {
		return "'\""
	}
	return "'\"`"
}

// reading is one way in which a server may read a text, by its settings and its
// version.
type reading struct {
	dialect Dialect
	escapes bool // a backslash escapes in an ordinary text
	skips   bool // MySQL's executable comments are comments
}

// readings returns the ways in which a server may read sql, the usual one first.
func readings(sql string, d Dialect) []reading {
	list := []reading{{dialect: d, escapes: d == MySQL}}
	if d != SQLite && strings.IndexByte(sql, '\\') >= 0 {
		list = append(list, reading{dialect: d, escapes: d != MySQL})
	}
	if d == MySQL && (strings.Contains(sql, "/*!") || strings.Contains(sql, "/*M!")) {
		for _, r := range list {
			list = append(list, reading{dialect: d, escapes: r.escapes, skips: true})
		}
	}
	return list
}

// isSpace reports whether c separates tokens. SQLite takes a vertical tab for
// white space only behind other white space, and refuses it elsewhere.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// isWordPart is isWordByte for any byte but a word's first.
func isWordPart(c byte) bool { return c == '$' || isWordByte(c) }
