package audit

import "cmp"

// Actor is who did something.
type Actor struct {
	Type  string // "user", "apiKey", "service", "system", …
	ID    string
	Name  string
	Email string
}

// User is how an actor is named in filters, facets, orders and columns: the email,
// else the name, else the ID.
func (a Actor) User() string { return cmp.Or(a.Email, a.Name, a.ID) }

// IsZero reports whether nothing is known of the actor.
func (a Actor) IsZero() bool { return a == Actor{} }
