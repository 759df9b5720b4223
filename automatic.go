package audit

import (
	"maps"
	"strings"
)

// automaticNames are columns that frameworks set whenever a row is created or
// changed, without the separators and in lower case.
var automaticNames = namesSet(
	"createdat", "createdon", "createdtime", "createtime", "createddate", "datecreated", "timecreated", "gmtcreate", "insertedat",
	"updatedat", "updatedon", "updatedtime", "updatetime", "updateddate", "dateupdated", "timeupdated", "lastupdated", "lastupdatedat", "lastupdate",
	"modifiedat", "modifiedon", "modifiedtime", "modifytime", "modifieddate", "datemodified", "timemodified", "gmtmodified",
	"lastmodified", "lastmodifiedat", "lastmodifiedon", "lastmodifieddate", "changedat", "lastchanged", "lastchangedat", "lockversion", "rowversion",
)

func namesSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// automaticField is a column of one object type, or of all where objectType is "".
type automaticField struct{ objectType, name string }

// Automatic reports whether the framework sets the field, so that its change says
// nothing about what somebody did: created_at, updated_at, lastModified and the like,
// compared without case, underscores, hyphens and spaces, and what SetAutomatic added.
// A path inside a structured value ("profile.updated_at") is the application's own data
// and is not automatic. A nil Catalogue knows the common names.
func (c *Catalogue) Automatic(objectType, field string) bool {
	if strings.ContainsAny(field, ".[") {
		return false
	}
	name := plainName(field)
	if automaticNames[name] {
		return true
	}
	if c == nil {
		return false
	}
	set := c.automatic.Load()
	return set != nil && ((*set)[automaticField{objectType, name}] || (*set)[automaticField{"", name}])
}

// SetAutomatic adds fields that the framework sets, which pages and files then show
// last: SetAutomatic("invoices", "synced_at"); "" means every object type. Package hooks
// calls it with the columns that GORM sets to the time of a create or an update, when it
// first meets a model. A program that only reads the audit log doesn't meet models, so
// it has to name columns with other names itself. SetAutomatic is safe for concurrent
// use.
func (c *Catalogue) SetAutomatic(objectType string, fields ...string) {
	for {
		old := c.automatic.Load()
		set := map[automaticField]bool{}
		if old != nil {
			maps.Copy(set, *old)
		}
		for _, field := range fields {
			set[automaticField{objectType, plainName(field)}] = true
		}
		if c.automatic.CompareAndSwap(old, &set) {
			return
		}
	}
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// plainName is a name without case and separators.
func plainName(field string) string { return strings.ToLower(separators.Replace(field)) }
