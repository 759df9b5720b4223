package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
)

// record is a model that the API serves.
type record[T any] interface {
	*T
	key() *uint          // its ID
	organization() *uint // whose it is
	valid() error        // an invalid, for what the host doesn't store
}

func (o *Organization) key() *uint           { return &o.ID }
func (o *Organization) organization() *uint  { return &o.ID }
func (u *User) key() *uint                   { return &u.ID }
func (u *User) organization() *uint          { return &u.OrganizationID }
func (k *APIKey) key() *uint                 { return &k.ID }
func (k *APIKey) organization() *uint        { return &k.OrganizationID }
func (g *SecurityGroup) key() *uint          { return &g.ID }
func (g *SecurityGroup) organization() *uint { return &g.OrganizationID }
func (p *Project) key() *uint                { return &p.ID }
func (p *Project) organization() *uint       { return &p.OrganizationID }

// records are the handlers of one model. None of them writes to the trail for
// a change that it makes: saving through GORM, with the request's context, is
// all there is to it.
type records[T any, P record[T]] struct {
	host       *host
	path       string // "users"
	objectType string // as the trail names it
}

func serve[T any, P record[T]](mux *http.ServeMux, h *host, path, objectType string, softDelete bool) {
	rs := records[T, P]{h, path, objectType}
	mux.HandleFunc("GET /api/"+path, handle(rs.list))
	mux.HandleFunc("POST /api/"+path, handle(rs.create))
	mux.HandleFunc("GET /api/"+path+"/{id}", handle(rs.get))
	mux.HandleFunc("PATCH /api/"+path+"/{id}", handle(rs.change))
	mux.HandleFunc("DELETE /api/"+path+"/{id}", handle(rs.delete))
	if softDelete {
		mux.HandleFunc("POST /api/"+path+"/{id}/restore", handle(rs.restore))
	}
}

func (rs records[T, P]) list(r *http.Request) (int, any, error) {
	db := rs.host.db.WithContext(r.Context()).Order("id").Limit(1000)
	if r.URL.Query().Get("deleted") == "true" {
		db = db.Unscoped()
	}
	if c := lookupOf(r).caller; !c.operator {
		column := "organization_id"
		if rs.path == "organizations" {
			column = "id"
		}
		db = db.Where(clause.Eq{Column: column, Value: c.org.ID})
	}
	rows := []T{}
	return http.StatusOK, &rows, db.Find(&rows).Error
}

func (rs records[T, P]) get(r *http.Request) (int, any, error) {
	row, err := rs.load(r, rs.host.db)
	if err != nil {
		return 0, nil, err
	}
	if !lookupOf(r).caller.mayRead(*row.organization()) {
		return 0, nil, gorm.ErrRecordNotFound
	}
	return http.StatusOK, row, nil
}

func (rs records[T, P]) create(r *http.Request) (int, any, error) {
	row := P(new(T))
	if err := decode(r, row); err != nil {
		return 0, nil, err
	}
	*row.key() = 0
	if err := row.valid(); err != nil {
		return 0, nil, err
	}
	c := lookupOf(r).caller
	if *row.organization() == 0 {
		*row.organization() = c.org.ID
	}
	if err := rs.allow(r, audit.ActionCreate, row); err != nil {
		return 0, nil, err
	}
	r, err := rs.inTenant(r, row)
	if err != nil {
		return 0, nil, err
	}
	err = rs.host.db.WithContext(r.Context()).Omit(clause.Associations).Create(row).Error
	return http.StatusCreated, row, err
}

// change lays what was sent over the row as it is, and saves all of it: the
// trail shows only what differs.
func (rs records[T, P]) change(r *http.Request) (int, any, error) {
	row, r, err := rs.mine(r, rs.host.db, audit.ActionUpdate)
	if err != nil {
		return 0, nil, err
	}
	id, organization := *row.key(), *row.organization()
	if err := decode(r, row); err != nil {
		return 0, nil, err
	}
	*row.key(), *row.organization() = id, organization
	if err := row.valid(); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, row, rs.host.db.WithContext(r.Context()).Omit(clause.Associations).Save(row).Error
}

func (rs records[T, P]) delete(r *http.Request) (int, any, error) {
	row, r, err := rs.mine(r, rs.host.db, audit.ActionDestroy)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, rs.host.db.WithContext(r.Context()).Delete(row).Error
}

func (rs records[T, P]) restore(r *http.Request) (int, any, error) {
	row, r, err := rs.mine(r, rs.host.db.Unscoped(), audit.ActionRestore)
	if err != nil {
		return 0, nil, err
	}
	db := rs.host.db.WithContext(r.Context()).Unscoped().Model(row).Where("deleted_at IS NOT NULL").Update("deleted_at", nil)
	if db.Error == nil && db.RowsAffected == 0 {
		return 0, nil, &problem{http.StatusConflict, "it is not deleted"}
	}
	if db.Error != nil {
		return 0, nil, db.Error
	}
	row, err = rs.load(r, rs.host.db)
	return http.StatusOK, row, err
}

func (rs records[T, P]) load(r *http.Request, db *gorm.DB) (P, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 63)
	if err != nil {
		return nil, gorm.ErrRecordNotFound
	}
	row := P(new(T))
	return row, db.WithContext(r.Context()).First(row, "id = ?", id).Error
}

// mine loads the row if the caller may do the action, and returns the request
// with the row's tenant in its context: the operator works in many.
func (rs records[T, P]) mine(r *http.Request, db *gorm.DB, action string) (P, *http.Request, error) {
	row, err := rs.load(r, db)
	if err != nil {
		return nil, r, err
	}
	if err := rs.allow(r, action, row); err != nil {
		return nil, r, err
	}
	r, err = rs.inTenant(r, row)
	return row, r, err
}

func (rs records[T, P]) inTenant(r *http.Request, row P) (*http.Request, error) {
	if o, ok := any(row).(*Organization); ok { // perhaps one that is about to be made
		return r.WithContext(audit.WithTenant(r.Context(), o.Slug, "")), nil
	}
	organization := *row.organization()
	var o Organization
	err := rs.host.db.WithContext(r.Context()).Unscoped().First(&o, organization).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return r, invalid(fmt.Sprintf("there is no organization %d", organization))
	}
	return r.WithContext(audit.WithTenant(r.Context(), o.Slug, "")), err
}

// allow refuses what the caller may not do, and puts the attempt on the trail.
func (rs records[T, P]) allow(r *http.Request, action string, row P) error {
	l := lookupOf(r)
	allowed := l.err == nil && l.caller.mayWrite(*row.organization())
	if rs.path == "organizations" && (action == audit.ActionCreate || action == audit.ActionDestroy) {
		allowed = l.caller.operator
	}
	if allowed {
		return nil
	}
	refusal := &problem{http.StatusForbidden, l.who() + " may not do that"}
	object := audit.Object{Type: rs.objectType}
	if id := *row.key(); id != 0 {
		object.ID = strconv.FormatUint(uint64(id), 10)
	}
	err := rs.host.trail.Record(r.Context(), audit.Entry{
		Action: action, Outcome: audit.Denied, Error: refusal.Message, Object: object,
	})
	return errors.Join(err, refusal)
}

func (l lookup) who() string {
	if l.caller.user.Email != "" {
		return l.caller.user.Email
	}
	return l.name
}

// decode reads a JSON object over what v holds.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &problem{http.StatusBadRequest, "the body is no JSON object of this kind: " + err.Error()}
	}
	return nil
}
