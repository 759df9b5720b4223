// Package sqltext reads SQL by the lexical rules of one database: where a
// statement ends, whether an offset lies in code, and which tokens a text has.
//
// Settings of a session can change these rules (NO_BACKSLASH_ESCAPES on MySQL,
// standard_conforming_strings on PostgreSQL), and so can the server's version
// (executable comments). A text that such a setting affects is read under each
// of them, and the answers err on the side of caution where they differ, unless
// the setting is known (Dialect.Escaping).
package sqltext

import (
	"slices"
	"strings"
)

// Dialect is the database whose rules apply. MySQL stands for MariaDB too.
type Dialect int

// The databases.
const (
	SQLite Dialect = iota
	PostgreSQL
	MySQL
)

// The bits of a Dialect above those of the database.
const (
	database  Dialect = 3
	literal   Dialect = 4 // a backslash escapes nothing in an ordinary text
	escaping  Dialect = 8 // it does
	escapeBit         = literal | escaping
)

// Escaping returns the dialect of a session in which it is known whether a
// backslash escapes in an ordinary text. End, InCode and Read take it.
func (d Dialect) Escaping(escapes bool) Dialect {
	if escapes {
		return d&database | escaping
	}
	return d&database | literal
}

// quotes are the characters that both begin and end a quoted part.
func (d Dialect) quotes() string {
	if d&database == PostgreSQL {
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
	of := d & database
	usual := reading{dialect: of, escapes: of == MySQL}
	if d&escapeBit != 0 {
		usual.escapes = d&escaping != 0
	}
	list := []reading{usual}
	if of != SQLite && d&escapeBit == 0 && strings.IndexByte(sql, '\\') >= 0 {
		list = append(list, reading{dialect: of, escapes: !usual.escapes})
	}
	if of == MySQL && (strings.Contains(sql, "/*!") || strings.Contains(sql, "/*M!")) {
		for _, r := range list {
			list = append(list, reading{dialect: of, escapes: r.escapes, skips: true})
		}
	}
	return list
}

// DependsOnEscapes reports whether a server runs other tokens of a text where a
// backslash escapes in ordinary texts than where it doesn't.
func DependsOnEscapes(sql string, d Dialect) bool {
	if d == SQLite || strings.IndexByte(sql, '\\') < 0 {
		return false
	}
	escaped, runs := tokensUnder(sql, d.Escaping(true))
	plain, alsoRuns := tokensUnder(sql, d.Escaping(false))
	return runs && alsoRuns && !slices.Equal(escaped, plain)
}

// tokensUnder are all tokens of a text by its usual reading. runs is false for a
// single statement in which a quote or a comment lacks its end.
func tokensUnder(sql string, d Dialect) (list []Token, runs bool) {
	s := newScanner(sql, readings(sql, d)[0])
	list = s.rest()
	return list, !s.unfinished || slices.ContainsFunc(list, func(t Token) bool { return t.IsSign(';') })
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
