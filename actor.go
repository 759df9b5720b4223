package audit

// Actor is who did something.
type Actor struct {
	Type  string // "user", "apiKey", "service", "system", …
	ID    string
	Name  string
	Email string
}

// User is how an actor is named in filters, facets and columns: the email or,
// where there is none, the name.
func (a Actor) User() string {
	if a.Email != "" {
		return a.Email
	}
	return a.Name
}

// IsZero reports whether nothing is known of the actor.
func (a Actor) IsZero() bool { return a == Actor{} }
