package hooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

// part goes with its item; scratch loses it.
type part struct {
	ID     uint
	ItemID uint
	Code   string
}

func (part) AuditType() string { return "piece" }

const (
	partsDDL   = "CREATE TABLE parts (id integer PRIMARY KEY, code text, item_id integer REFERENCES items(id) ON DELETE CASCADE)"
	scratchDDL = "CREATE TABLE scratches (id integer PRIMARY KEY, item_id integer REFERENCES items ON DELETE SET NULL)"
)

func withParts(t *testing.T, s setup) *host {
	h := newHost(t, s)
	require.NoError(t, h.db.Exec(partsDDL).Error)
	require.NoError(t, h.db.Exec(scratchDDL).Error)
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.db.Exec("INSERT INTO parts VALUES (1, 'x', 1), (2, 'y', 1), (3, 'z', NULL)").Error)
	require.NoError(t, h.db.Exec("INSERT INTO scratches VALUES (1, 1)").Error)
	return h
}

func TestRowsThatForeignKeysChangeHaveEntries(t *testing.T) {
	h := withParts(t, setup{opts: &hooks.Options{Models: []any{&part{}}}})
	before := len(h.entries())
	require.NoError(t, h.db.Delete(&item{ID: 1}).Error)
	list := h.entries()[before:]
	require.Len(t, list, 4)
	for _, e := range list {
		require.Equal(t, list[0].TransactionID, e.TransactionID)
		require.NotContains(t, e.Metadata, "foreign_keys")
	}
	require.Equal(t, []string{
		"destroy items 1", "destroy piece 1", "destroy piece 2", "update scratches 1",
	}, heads(list))
	require.Equal(t, map[string]any{"table": "items", "id": "1", "foreign_key": "item_id", "rule": "ON DELETE CASCADE"}, list[1].Metadata["cascade"])
	require.Equal(t, map[string]any{"table": "items", "id": "1", "foreign_key": "item_id", "rule": "ON DELETE SET NULL"}, list[3].Metadata["cascade"])
}

// heads are the entries' action, type and ID.
func heads(entries []audit.Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Action+" "+e.Object.Type+" "+e.Object.ID)
	}
	return list
}

func TestRawDeleteNamesTheForeignKeysThatCascade(t *testing.T) {
	h := withParts(t, setup{})
	require.NoError(t, h.db.Exec("DELETE FROM items").Error)
	list := h.entries()
	require.Equal(t, []any{"parts: cascade", "scratches: set null"}, list[len(list)-1].Metadata["foreign_keys"])
}

func TestARelatedModelsTypeIsKnownBeforeItsFirstUse(t *testing.T) {
	type thing struct {
		ID    uint
		Parts []part `gorm:"foreignKey:ItemID;constraint:OnDelete:CASCADE"`
	}
	h := newHost(t, setup{})
	require.NoError(t, h.db.Exec("CREATE TABLE things (id integer PRIMARY KEY)").Error)
	require.NoError(t, h.db.Exec("CREATE TABLE parts (id integer PRIMARY KEY, code text, item_id integer REFERENCES things(id) ON DELETE CASCADE)").Error)
	require.NoError(t, h.db.Exec("INSERT INTO things VALUES (1)").Error)
	require.NoError(t, h.db.Exec("INSERT INTO parts VALUES (1, 'x', 1)").Error)
	require.NoError(t, h.db.Delete(&thing{ID: 1}).Error)
	list := h.entries()
	require.Equal(t, "piece", list[len(list)-1].Object.Type)
}

func TestAStatementThatFailsPassesNothingOn(t *testing.T) {
	h := withParts(t, setup{})
	require.NoError(t, h.db.Exec("CREATE TABLE seals (id integer PRIMARY KEY, item_id integer REFERENCES items(id))").Error)
	require.NoError(t, h.db.Exec("INSERT INTO seals VALUES (1, 1)").Error)
	before := len(h.entries())
	require.ErrorContains(t, h.db.Delete(&item{ID: 1}).Error, "FOREIGN KEY")
	require.Error(t, h.db.Transaction(func(tx *gorm.DB) error { return tx.Delete(&item{ID: 1}).Error }))
	require.Len(t, h.entries(), before)
}

func TestReplaceDeletesWhatReferredToTheReplacedRow(t *testing.T) {
	h := withParts(t, setup{})
	before := len(h.entries())
	require.NoError(t, h.db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&item{ID: 1, Name: "b"}).Error)
	require.Equal(t, int64(1), h.count(&part{}))
	require.Equal(t, []string{"update items 1", "destroy parts 1", "destroy parts 2", "update scratches 1"}, heads(h.entries()[before:]))
}
