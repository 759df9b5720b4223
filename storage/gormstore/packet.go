package gormstore

import (
	"context"
	"errors"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// fit returns how many of the rows go into the next statement.
func (s *Store) fit(rows []row.Row) int {
	return row.Fit(rows, s.traits.MaxRows, int(s.known.packet.Load()))
}

// appendParts makes the rows of a part only when it is sent, so that the memory
// that they need doesn't grow with their number. All are checked before the first
// is sent.
func (s *Store) appendParts(ctx context.Context, tx sqldb.Execer, parts [][]audit.Entry) error {
	s, err := s.readyIn(ctx, tx)
	if err != nil {
		return err
	}
	first := 0
	for _, part := range parts {
		rows, err := row.New(part)
		if err == nil {
			err = s.checkSizes(ctx, tx, rows)
		}
		var bad *audit.EntryError
		if errors.As(err, &bad) {
			bad.Index += first
		}
		if err != nil {
			return err
		}
		first += len(part)
	}
	a := &appending{store: s, tx: tx}
	for _, part := range parts {
		rows, err := row.New(part)
		if err == nil {
			err = a.insert(ctx, rows)
		}
		if err != nil {
			return a.undo(ctx, err)
		}
	}
	return nil
}

// learnPacket asks what the server takes in a statement; 0: it has no bound that
// matters. A server whose bound is exceeded breaks the connection.
func (s *Store) learnPacket(ctx context.Context, q sqldb.Queryer) error {
	query := s.traits.Packet
	if query == "" {
		return nil
	}
	packet, err := sqldb.Number(ctx, q, query)
	if err == nil {
		s.known.packet.Store(int64(packet))
	}
	return err
}

// checkSizes refuses a row that no statement can hold, before any is sent. For a row
// near the limit the connection is asked again: its limit is that of the time when it
// was made.
func (s *Store) checkSizes(ctx context.Context, tx sqldb.Execer, rows []row.Row) error {
	packet, asked := int(s.known.packet.Load()), false
	for i := range rows {
		if !rows[i].NearLimit(packet) {
			continue
		}
		if q, ok := tx.(sqldb.Queryer); ok && !asked {
			if err := s.learnPacket(ctx, q); err != nil {
				return s.translate(ctx, err)
			}
			packet, asked = int(s.known.packet.Load()), true
		}
		if err := rows[i].CheckSize(i, packet); err != nil {
			return err
		}
	}
	return nil
}
