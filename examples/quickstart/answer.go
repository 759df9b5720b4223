package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// problem is an answer to a request that can't be served.
type problem struct {
	status  int
	Message string `json:"error"`
}

func (p *problem) Error() string { return p.Message }

// handle makes a handler of a function that answers with JSON.
func handle(serve func(*http.Request) (status int, body any, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// What people say about why goes on the trail with the change.
		if why := r.Header.Get("X-Comment"); why != "" {
			r = r.WithContext(audit.WithComment(r.Context(), why))
		}
		status, body, err := serve(r)
		if err != nil {
			p := problemOf(err)
			status, body = p.status, p
		}
		answer(w, status, body)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	raw, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(raw, '\n')) // a client that is gone needs no answer
}

func problemOf(err error) *problem {
	var p *problem
	var bad invalid
	var query *audit.QueryError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &bad):
		return &problem{http.StatusUnprocessableEntity, bad.Error()}
	case errors.As(err, &query):
		return &problem{http.StatusBadRequest, query.Error()}
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, audit.ErrNotFound):
		return &problem{http.StatusNotFound, "there is no such record"}
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return &problem{http.StatusConflict, "there is one with that name already"}
	case errors.Is(err, gorm.ErrForeignKeyViolated):
		return &problem{http.StatusUnprocessableEntity, "it refers to something that is not there, or is still referred to"}
	}
	return &problem{http.StatusInternalServerError, err.Error()}
}
