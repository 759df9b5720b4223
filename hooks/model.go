package hooks

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// AuditTyper is a model that names its own object type.
type AuditTyper interface{ AuditType() string }

// treatment is what the audit tag says of a column.
type treatment string

const (
	treatByName treatment = ""     // by its name: secrets are masked
	treatOmit   treatment = "-"    // not captured at all
	treatMask   treatment = "mask" // that it changed, not to what
	treatHash   treatment = "hash" // the hash of its values; guessable without audit.Redaction.HashKey
	treatName   treatment = "name" // it is the object's name for people
	treatShow   treatment = "show" // no secret, whatever its name says

	// What a column's name and type say; no tag's words.
	treatPlain treatment = "plain"      // nothing
	treatTexts treatment = "texts only" // its texts are secrets, its numbers and booleans aren't

	treatRefers treatment = "refers" // it refers to a column that is kept out of IDs
)

var treatments = []treatment{treatOmit, treatMask, treatHash, treatName, treatShow}

// hint is what models and options say of a table beyond what the database
// knows. It is gathered from every model seen for the table, so that a row is
// told of the same way whichever way it was changed.
type hint struct {
	known      bool // a model was seen
	objectType string
	fields     map[string]treatment // by column
	autoTimes  []string             // columns that GORM sets to the time of an update
	deleted    []string             // columns that mark a row as deleted
	zeroTimes  map[string]string    // the time that means "not deleted", where it is not NULL
	bools      map[string]bool
	json       map[string]bool
	refers     map[string]referredColumn // columns that refer to another table's
}

// referredColumn is a column that others refer to.
type referredColumn struct {
	table, column string
	kind          kind
}

type hints struct {
	mu     sync.RWMutex
	tables map[string]*hint // by table name without schema
	fixed  map[string]bool  // "table" or "table.column" that an option set
}

// of returns a copy of the pointer that is safe to read: hints are replaced,
// never changed.
var noHint = &hint{}

// marks are the columns that mark a row as deleted: those that models say, and,
// as long as no model was seen, the one that GORM's own is called.
func (h *hint) marks() []string {
	if !h.known && len(h.deleted) == 0 {
		return []string{"deleted_at"}
	}
	return h.deleted
}

func (h *hints) of(table string) *hint {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if found := h.tables[table]; found != nil {
		return found
	}
	return noHint
}

// change replaces a table's hint by a changed copy.
func (h *hints) change(table string, set func(*hint)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := &hint{fields: map[string]treatment{}, bools: map[string]bool{}, json: map[string]bool{}, zeroTimes: map[string]string{}, refers: map[string]referredColumn{}}
	if old := h.tables[table]; old != nil {
		next.known = old.known
		next.objectType = old.objectType
		next.autoTimes = slices.Clone(old.autoTimes)
		next.deleted = slices.Clone(old.deleted)
		for k, v := range old.fields {
			next.fields[k] = v
		}
		for k, v := range old.zeroTimes {
			next.zeroTimes[k] = v
		}
		for k := range old.bools {
			next.bools[k] = true
		}
		for k := range old.json {
			next.json[k] = true
		}
		maps.Copy(next.refers, old.refers)
	}
	set(next)
	if h.tables == nil {
		h.tables = map[string]*hint{}
	}
	h.tables[table] = next
}

func (h *hints) learnOptions(o Options) error {
	h.fixed = map[string]bool{}
	for table, name := range o.Types {
		h.fixed[table] = true
		h.change(table, func(n *hint) { n.objectType = name })
	}
	for path, value := range o.Fields {
		table, column, ok := strings.Cut(path, ".")
		if !ok || table == "" || column == "" {
			return fmt.Errorf("hooks: Options.Fields: %q is not table.column", path)
		}
		t := treatment(value)
		if !slices.Contains(treatments, t) {
			return fmt.Errorf("hooks: Options.Fields: %q: %q is not one of -, mask, hash, name, show", path, value)
		}
		h.fixed[path] = true
		h.change(table, func(n *hint) { n.fields[column] = t })
	}
	return nil
}

// learn takes over what a model's type and tags say of its table, once, and what
// those say that it is related to: a foreign key may change rows of a table
// before any statement names it.
func (p *Plugin) learn(db *gorm.DB, s *schema.Schema) {
	if s == nil || s.Table == "" {
		return
	}
	if _, known := p.models.LoadOrStore(s, struct{}{}); known {
		return
	}
	p.learnTable(s)
	for _, r := range s.Relationships.Relations {
		related := []*schema.Schema{r.FieldSchema, r.JoinTable}
		for _, of := range related {
			if of == nil || of.ModelType.Name() == "" { // GORM's own join table
				continue
			}
			stmt := &gorm.Statement{DB: db}
			if stmt.Parse(reflect.New(of.ModelType).Interface()) == nil { // which waits for what another goroutine parses
				p.learn(db, stmt.Schema)
			}
		}
		p.learnReferences(r)
	}
}

// learnReferences comes behind what is learned of the tables: what a column that is
// referred to says holds for those that refer to it.
func (p *Plugin) learnReferences(r *schema.Relationship) {
	for _, f := range r.References {
		if f.PrimaryKey == nil || f.PrimaryKey.DBName == "" || f.ForeignKey.DBName == "" || f.ForeignKey == f.PrimaryKey {
			continue
		}
		to := referredColumn{bareName(f.PrimaryKey.Schema.Table), f.PrimaryKey.DBName, modelKind(f.PrimaryKey)}
		from := bareName(f.ForeignKey.Schema.Table)
		if p.hints.of(from).refers[f.ForeignKey.DBName] != to {
			p.hints.change(from, func(n *hint) { n.refers[f.ForeignKey.DBName] = to })
		}
	}
}

// modelKind is what a field's type says of its column.
func modelKind(f *schema.Field) kind {
	switch f.GORMDataType {
	case schema.Bool:
		return kindBool
	case schema.Int, schema.Uint:
		return kindInt
	case schema.Float:
		return kindFloat
	case schema.Time:
		return kindTime
	}
	return kindText
}

// hidesReferred reports whether a column refers to one that is kept out of IDs. GORM's own
// join tables repeat that one's tags.
func (p *Plugin) hidesReferred(h *hint, column string) bool {
	to, ok := h.refers[column]
	if !ok {
		return false
	}
	tag := p.hints.tables[to.table]
	return tag != nil && slices.Contains([]treatment{treatMask, treatHash, treatOmit}, tag.fields[to.column])
}

// maxReferences bounds a chain of references, which may lead back.
const maxReferences = 4

// referred is what is hidden of the column that a column refers to, directly or by
// others.
func (p *Plugin) referred(h *hint, column string, left int) hidden {
	to, ok := h.refers[column]
	if !ok || left == 0 {
		return hidden{how: treatPlain}
	}
	of := p.hints.of(to.table)
	if further := p.referred(of, to.column, left-1); further.how != treatPlain {
		return further
	}
	t := of.fields[to.column]
	if t == treatByName || t == treatName {
		t = p.treatmentByName(to.table, to.column, to.kind)
	}
	return hidden{p.hiddenAs(to.table, to.column, t, to.kind), to.table, to.column}
}

func (p *Plugin) learnTable(s *schema.Schema) {
	table := bareName(s.Table)
	p.hints.change(table, func(n *hint) {
		n.known = true
		if t, ok := reflect.New(s.ModelType).Interface().(AuditTyper); ok && !p.hints.fixed[table] {
			n.objectType = t.AuditType()
		}
		for _, f := range s.Fields {
			if f.DBName != "" {
				n.learnField(f, p.hints.fixed[table+"."+f.DBName] || s.ModelType.Name() == "" && p.hidesReferred(n, f.DBName))
			}
		}
	})
	p.nameAutomatic(table, s)
}

// nameAutomatic tells the trail's catalogue which columns GORM sets to the current time.
func (p *Plugin) nameAutomatic(table string, s *schema.Schema) {
	var columns []string
	for _, f := range s.Fields {
		if f.DBName != "" && (f.AutoCreateTime > 0 || f.AutoUpdateTime > 0) {
			columns = append(columns, f.DBName)
		}
	}
	if len(columns) > 0 {
		p.trail.Catalogue().SetAutomatic(p.typeOf(table), columns...)
	}
}

func (n *hint) learnField(f *schema.Field, fixed bool) {
	if tag, ok := f.Tag.Lookup("audit"); ok && !fixed {
		if t := treatment(strings.TrimSpace(tag)); slices.Contains(treatments, t) {
			n.fields[f.DBName] = t
		}
	}
	if f.AutoUpdateTime > 0 && !slices.Contains(n.autoTimes, f.DBName) {
		n.autoTimes = append(n.autoTimes, f.DBName)
	}
	if f.GORMDataType == schema.Bool && f.Serializer == nil {
		n.bools[f.DBName] = true
	}
	if isJSONField(f) {
		n.json[f.DBName] = true
	}
	if marksDeleted(f) && !slices.Contains(n.deleted, f.DBName) {
		n.deleted = append(n.deleted, f.DBName)
		if t, ok := parseTime(f.TagSettings["ZEROVALUE"]); ok {
			n.zeroTimes[f.DBName] = timeText(kindTime, t)
		}
	}
}

func isJSONField(f *schema.Field) bool {
	if _, ok := f.Serializer.(schema.JSONSerializer); ok {
		return true
	}
	t := strings.ToLower(string(f.DataType))
	return strings.HasPrefix(t, "json")
}

// marksDeleted: a field whose type turns a DELETE into an UPDATE of itself.
func marksDeleted(f *schema.Field) bool {
	v := reflect.New(f.IndirectFieldType)
	d, ok := v.Interface().(schema.DeleteClausesInterface)
	if !ok {
		return false
	}
	if f.IndirectFieldType == reflect.TypeFor[gorm.DeletedAt]() {
		return true
	}
	return modifiesStatement(d, f)
}

// modifiesStatement asks a type of the host's own, which may not be ready for it.
func modifiesStatement(d schema.DeleteClausesInterface, f *schema.Field) (ok bool) {
	defer func() { _ = recover() }()
	return slices.ContainsFunc(d.DeleteClauses(f), func(c clause.Interface) bool {
		_, modifies := c.(gorm.StatementModifier)
		return modifies
	})
}

// bareName is a table's name without its schema and quotes.
func bareName(table string) string {
	if i := strings.LastIndexByte(table, '.'); i >= 0 {
		table = table[i+1:]
	}
	return strings.Trim(table, "`\"")
}
