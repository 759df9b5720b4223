package memstore

import (
	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// clone copies what is stored of an entry with all that it refers to, so that neither
// side can change what the other holds.
func clone(e audit.Entry) audit.Entry {
	e = audit.Entry{
		ID: e.ID, Time: e.Time, Tenant: e.Tenant, Project: e.Project, Actor: e.Actor, OnBehalfOf: e.OnBehalfOf, Action: e.Action, Outcome: e.Outcome,
		Error: e.Error, Comment: e.Comment, Object: e.Object, Changes: e.Changes, Request: e.Request, TransactionID: e.TransactionID, Metadata: e.Metadata,
	}
	if e.OnBehalfOf != nil {
		a := *e.OnBehalfOf
		e.OnBehalfOf = &a
	}
	e.Changes = cloneChanges(e.Changes)
	if len(e.Metadata) == 0 {
		e.Metadata = nil
	} else {
		e.Metadata = jsonvalue.Clone(e.Metadata).(map[string]any)
	}
	return e
}

func cloneChanges(changes []audit.Change) []audit.Change {
	if len(changes) == 0 {
		return nil
	}
	c := make([]audit.Change, len(changes))
	for i, change := range changes {
		change.Old, change.New = jsonvalue.Clone(change.Old), jsonvalue.Clone(change.New)
		c[i] = change
	}
	return c
}
