package gormstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// The key is a row of a table of its own, as hexadecimal text.

func (s *Store) quotedKey() string { return s.table.In(s.table.Key(), s.traits.Quote) }

// makeKey draws the key where there is none.
func (s *Store) makeKey(ctx context.Context, m sqldb.Conn) error {
	there, err := sqldb.Number(ctx, m, "SELECT count(*) FROM "+s.quotedKey())
	if err != nil || there > 0 {
		return err
	}
	key := make([]byte, audit.KeySize)
	_, _ = rand.Read(key) // never fails
	b := s.newBuilder()
	b.Add("INSERT INTO ", s.quotedKey(), " (only_row, secret) VALUES (1, ")
	b.Arg(hex.EncodeToString(key))
	b.Add(")", s.traits.OrIgnore("only_row"))
	_, err = m.ExecContext(ctx, b.String(), b.Args...)
	return err
}

// Key returns the random key that Migrate made. It is read by the store's own pool,
// unless that has no connection to spare or q is a transaction of SQLite, whose other
// connections may wait for it; then q is asked.
//
// Errors: audit.ErrNotMigrated, also where the key's row is gone; the context's, the
// database's.
func (s *Store) Key(ctx context.Context, q audit.Queryer) ([]byte, error) {
	if q == nil {
		return s.readKey(ctx, s.db, "")
	}
	if s.database != "sqlite" && spare(s.db) {
		own, cancel := context.WithTimeout(ctx, ownPatience)
		defer cancel()
		if key, err := s.readKey(own, s.db, ""); err == nil {
			return key, nil
		}
	}
	return s.readKey(ctx, q, s.traits.SharedRead)
}

func (s *Store) readKey(ctx context.Context, q sqldb.Queryer, lock string) ([]byte, error) {
	s, err := s.ready(ctx, q)
	if err != nil {
		return nil, err
	}
	secret, err := sqldb.String(ctx, q, "SELECT secret FROM "+s.quotedKey()+" WHERE only_row = 1"+lock)
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	key, err := hex.DecodeString(secret)
	if err != nil || len(key) != audit.KeySize {
		return nil, fmt.Errorf("%w: table %s has no key; Migrate makes one", audit.ErrNotMigrated, s.table.Key())
	}
	return key, nil
}
