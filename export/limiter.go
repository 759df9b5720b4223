package export

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/gormtrail/audit"
)

// The bounds of a Limiter's zero values.
const (
	DefaultExports         = 8
	DefaultExportsPerActor = 2
)

// Limiter bounds how many exports run at once, in all and of one actor: each holds
// a connection to the database while its client reads. Handlers that share a
// Limiter are bounded together. It is safe for concurrent use.
type Limiter struct {
	total, perActor int

	mu      sync.Mutex
	running int
	actors  map[string]int // exports under way, by actor
}

// NewLimiter returns a Limiter of at most total exports at once, and perActor of
// one actor. 0 means DefaultExports and DefaultExportsPerActor; a negative number
// is an error.
func NewLimiter(total, perActor int) (*Limiter, error) {
	if total < 0 || perActor < 0 {
		return nil, fmt.Errorf("export: a Limiter of %d exports, %d of one actor: neither can be negative", total, perActor)
	}
	return &Limiter{
		total: cmp.Or(total, DefaultExports), perActor: cmp.Or(perActor, DefaultExportsPerActor), actors: map[string]int{},
	}, nil
}

// begin admits an export of the actor, who calls end when it is over.
func (l *Limiter) begin(actor string) (end func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running >= l.total || l.actors[actor] >= l.perActor {
		return nil, false
	}
	l.running++
	l.actors[actor]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
		if l.actors[actor]--; l.actors[actor] == 0 {
			delete(l.actors, actor)
		}
	}, true
}

// actorKey tells those who export apart: by the grant's actor, else by the
// client's address.
func actorKey(r *http.Request, actor audit.Actor) string {
	if who := nameOf(actor); who != "" {
		return who
	}
	if ip := audit.RequestFrom(r.Context()).IP; ip != "" {
		return ip
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// nameOf tells actors apart; "" for one without ID, email and name.
func nameOf(actor audit.Actor) string {
	if who := cmp.Or(actor.ID, actor.Email, actor.Name); who != "" {
		return fmt.Sprintf("%q %q", actor.Type, who)
	}
	return ""
}
