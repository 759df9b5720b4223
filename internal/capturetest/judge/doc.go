// Package judge tells whether a trail says exactly what happened in a database.
//
// AFTER INSERT, UPDATE and DELETE triggers, made from a table's catalog, note
// each row's old and new values in a truth table, in the writer's own
// transaction. From these the judge derives the entries that capture owes, by
// the rules of the library's contract, and compares them with those on the
// trail, row by row and in order: what is missing, what is invented, what is
// different.
//
// The judge shares no code with capture: it reads the catalog, not the model,
// and compares in terms of its own.
package judge
