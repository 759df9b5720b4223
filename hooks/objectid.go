package hooks

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtrail/audit"
)

// Errors of ObjectID.
var (
	// ErrNotModel: the value is neither a model's struct nor a pointer to one.
	ErrNotModel = errors.New("hooks: not a model")
	// ErrNoKey: the model's table has no primary key, so that its rows have no IDs.
	ErrNoKey = errors.New("hooks: the table has no primary key")
	// ErrKeyUnset: the model's primary key isn't set.
	ErrKeyUnset = errors.New("hooks: the primary key is not set")
)

var errNoPlugin = errors.New("hooks: needs a *gorm.DB that uses the plugin")

// ObjectID returns the Object.ID of entries about the row that a model stands for, by
// the model's primary key alone: the row needn't exist any more. model is a struct or a
// pointer to one. Ask by it for the history of a record whose key is a secret.
//
//	id, err := hooks.ObjectID(db, &session)
//
// Such a record's entries from before it had this ID are found by it too, in this
// process and while 10,000 others are asked for: those that have the secret itself, of
// an earlier version of the library, and those made with one of audit.Options.FormerKeys
// or, before Options.Key was set, with the store's key. The secret stays in memory for
// that; audit.Trail.MaskSecrets makes it needless.
//
// It is of the form that the database gives the values: decimals need all of their
// places, times the column's precision, and a PostgreSQL character(n) its blanks, as
// a row that was read has them.
//
// Errors: ErrNotModel, ErrNoKey, ErrKeyUnset; one that says that db has no plugin or the
// database no such table, audit.ErrNotMigrated, the context's, the database's. It reads
// the catalog, and the trail's key, at the first use, through db's transaction if there
// is one.
func ObjectID(db *gorm.DB, model any) (string, error) {
	if db == nil || db.Config == nil || db.Statement == nil {
		return "", errNoPlugin
	}
	p, ok := db.Config.Plugins[pluginName].(*Plugin)
	if !ok {
		return "", errNoPlugin
	}
	v := reflect.ValueOf(model)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return "", fmt.Errorf("%w: a %T", ErrNotModel, model)
	}
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(reflect.New(v.Type()).Interface()); err != nil {
		return "", fmt.Errorf("%w: a %T: %w", ErrNotModel, model, err)
	}
	p.learn(db, stmt.Schema)
	name := stmt.Schema.Table
	if db.Statement.TableExpr != nil && db.Statement.Table != "" {
		name = db.Statement.Table
	}
	return p.objectID(db, name, stmt.Schema, v)
}

func (p *Plugin) objectID(db *gorm.DB, name string, s *schema.Schema, model reflect.Value) (string, error) {
	ctx, conn := db.Statement.Context, unprepared(db.Statement.ConnPool)
	u := p.readingUnit(ctx, conn)
	in := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		in = strings.Trim(name[:i], "`\"")
	}
	t, err := p.lookUp(ctx, conn, u, in, bareName(name))
	switch {
	case err != nil:
		return "", err
	case t == nil:
		return "", fmt.Errorf("hooks: the database has no table %s", name)
	case len(t.key) == 0:
		return "", fmt.Errorf("%w: %s", ErrNoKey, name)
	}
	m, r, err := p.keyRow(ctx, conn, t, s, model)
	if err != nil {
		return "", err
	}
	if !m.hidesKey(t, r) {
		return m.id(t, r), nil
	}
	return p.secretID(ctx, u, t, m, r)
}

// readingUnit is a unit for reads that takes no lock.
func (p *Plugin) readingUnit(ctx context.Context, conn gorm.ConnPool) *unit {
	u := p.newUnit(ctx, conn, dbOf(conn), true)
	u.wrote.Store(true)
	u.changesTables.Store(p.unitOf(conn).changesTables.Load())
	return u
}

// keyRow is a row with the values of a model's key, and others that are texts: they may
// be the name of a setting.
func (p *Plugin) keyRow(ctx context.Context, conn gorm.ConnPool, t *table, s *schema.Schema, model reflect.Value) (*image, row, error) {
	m := &image{set: p.newColumnSet(t, p.hints.of(t.name), columns{names: t.names()})}
	r := row{values: make([]any, len(m.set.names))}
	unset := true
	for i, name := range m.set.names {
		f := s.LookUpField(name)
		if f == nil {
			if t.isKey(name) {
				return nil, r, fmt.Errorf("hooks: %s has no field for the key's column %s", s.ModelType, name)
			}
			continue
		}
		v, zero := f.ValueOf(ctx, model)
		if !t.isKey(name) {
			r.values[i], _ = v.(string)
			continue
		}
		if zero && t.columns[i].auto {
			return nil, r, fmt.Errorf("%w: %s.%s", ErrKeyUnset, s.ModelType, f.Name)
		}
		unset = unset && zero
		var err error
		if r.values[i], err = p.keyValue(ctx, conn, t.columns[i], m.set.kinds[i], v); err != nil {
			return nil, r, fmt.Errorf("hooks: %s.%s: %w", s.ModelType, f.Name, err)
		}
	}
	if unset {
		return nil, r, fmt.Errorf("%w: %s", ErrKeyUnset, s.ModelType)
	}
	return m, r, nil
}

// keyValue is a model's value as the database will give it.
func (p *Plugin) keyValue(ctx context.Context, conn gorm.ConnPool, c column, k kind, v any) (any, error) {
	v, err := driverValue(v)
	if err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case string:
		if k == kindBytes {
			v = []byte(x)
		}
	case time.Time:
		if p.dialect.name == "mysql" && (k == kindWall || k == kindDate) {
			var text string // the driver writes it in a zone of its own
			if err := conn.QueryRowContext(ctx, "SELECT CAST(? AS CHAR)", x).Scan(&text); err != nil {
				return nil, err
			}
			v = text
		}
	}
	if c.typeText == "uuid" {
		v = uuidText(v)
	}
	return canonical(k, v), nil
}

// driverValue is a value as database/sql sends it.
func driverValue(v any) (any, error) {
	for range 8 { // a Valuer may give another one
		if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
			return nil, nil
		}
		valuer, ok := v.(driver.Valuer)
		if !ok {
			break
		}
		var err error
		if v, err = valuer.Value(); err != nil {
			return nil, err
		}
	}
	if r := reflect.Indirect(reflect.ValueOf(v)); r.CanUint() {
		return r.Uint(), nil // database/sql refuses the larger ones, and drivers take them
	}
	return driver.DefaultParameterConverter.ConvertValue(v)
}

// uuidText is PostgreSQL's spelling.
func uuidText(v any) any {
	switch x := v.(type) {
	case string:
		if id, err := uuid.Parse(x); err == nil {
			return id.String()
		}
	case []byte:
		if id, err := uuid.FromBytes(x); err == nil {
			return id.String()
		}
	}
	return v
}

func (m *image) hidesKey(t *table, r row) bool {
	return slices.ContainsFunc(t.key, func(column string) bool {
		h, v := m.hiddenIn(t, r, column)
		return h.hides(v)
	})
}

// secretID is the ID of a row whose key is a secret. The trail learns under which others
// it has entries.
func (p *Plugin) secretID(ctx context.Context, u *unit, t *table, m *image, r row) (string, error) {
	var q audit.Queryer
	if u.holdsTrail(ctx) {
		q = u.conn
	}
	key, err := p.trail.SubKey(ctx, q, idPurpose)
	if err != nil {
		return "", err
	}
	former := p.trail.FormerSubKeys(idPurpose)
	if p.trail.HasKey() {
		switch store, err := p.trail.StoreSubKey(ctx, q, idPurpose); {
		case err == nil:
			former = append(former, store)
		case !errors.Is(err, errors.ErrUnsupported):
			return "", err
		}
	}
	with := func(key []byte) string {
		return rowID(t, func(column string) string {
			h, v := m.hiddenIn(t, r, column)
			if key == nil || !h.hides(v) {
				return keyText(v)
			}
			return h.hash(key, keyText(v))
		})
	}
	id := with(key)
	others := []string{with(nil)}
	for _, key := range former {
		others = append(others, with(key))
	}
	p.trail.JoinIDs(audit.Object{Type: p.typeOf(t.object), ID: id}, others...)
	return id, nil
}
