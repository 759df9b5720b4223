package storage

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

// generator makes a trail as a busy host has it, the same for the same seed: 20
// actions, 30 object types, 5,000 actors, 100 tenants, 200 projects, all heavily
// skewed, one entry about every second.
type generator struct {
	*rand.Rand
	began   time.Time
	every   time.Duration // from one entry to the next
	n       int
	tenants *rand.Zipf
	actors  *rand.Zipf
	actions *rand.Zipf
	types   *rand.Zipf
	objects *rand.Zipf
	// Drawn apart, so that nothing else of a trail depends on it.
	projects *rand.Zipf
}

var began = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func newGenerator(seed uint64) *generator {
	r := rand.New(rand.NewPCG(seed, 1))
	zipf := func(n uint64) *rand.Zipf { return rand.NewZipf(r, 1.2, 4, n-1) }
	return &generator{Rand: r, began: began, every: time.Second, tenants: zipf(100), actors: zipf(5000), actions: zipf(20), types: zipf(30), objects: zipf(records),
		projects: rand.NewZipf(rand.New(rand.NewPCG(seed, 2)), 1.2, 4, 199)}
}

// newSpread is a generator whose n entries are spread over so many whole months, up
// to this one. A month of a day's entries would have another plan.
func newSpread(seed uint64, n, months int) *generator {
	g := newGenerator(seed)
	g.began = thisMonth().AddDate(0, -months, 0)
	g.every = thisMonth().Sub(g.began) / time.Duration(n+1)
	return g
}

// first is the generator as it was at its beginning.
func (g *generator) first() *generator {
	f := newGenerator(1)
	f.began, f.every = g.began, g.every
	return f
}

// at is about the time of the n-th entry.
func (g *generator) at(n int) time.Time { return g.began.Add(time.Duration(n) * g.every) }

func (g *generator) entries(n int) []audit.Entry {
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = g.entry()
	}
	return list
}

func (g *generator) entry() audit.Entry {
	g.n++
	at := g.at(g.n).Add(time.Duration(g.IntN(1000)) * g.every / 1000).Truncate(time.Microsecond)
	tenant, actor := g.tenants.Uint64(), g.actors.Uint64()
	outcome := audit.Success
	if g.IntN(50) == 0 {
		outcome = audit.Failure
	}
	object := g.objects.Uint64()
	return audit.Entry{
		ID: g.id(at), Time: at, Tenant: tenantName(tenant), Project: fmt.Sprintf("project-%d", g.projects.Uint64()),
		Actor:   audit.Actor{Type: []string{"user", "user", "user", "apiKey", "service"}[g.IntN(5)], ID: fmt.Sprint(actor), Name: fmt.Sprintf("User %d", actor), Email: userName(actor)},
		Action:  fmt.Sprintf("action-%02d", g.actions.Uint64()),
		Outcome: outcome,
		Object:  audit.Object{Type: fmt.Sprintf("type-%02d", g.types.Uint64()), ID: fmt.Sprint(object), Name: g.objectName(object), Product: []string{"core", "vpn", "billing"}[g.IntN(3)]},
		Request: audit.Request{IP: fmt.Sprintf("10.%d.%d.%d", g.IntN(4), g.IntN(256), g.IntN(256)), UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", ID: fmt.Sprintf("req-%d", g.n), Method: "POST", Path: "/api/v1/objects"},
		Changes: []audit.Change{
			{Field: "name", Op: audit.OpReplace, Old: "before", New: "after"},
			{Field: "size", Op: audit.OpReplace, Old: int64(g.IntN(1000)), New: int64(g.IntN(1000))},
			{Field: "updated_at", Op: audit.OpReplace, Old: "2024-01-01T00:00:00Z", New: "2024-01-02T00:00:00Z"},
		},
		TransactionID: fmt.Sprintf("tx-%d", g.n/3),
	}
}

// objectName is the record's name, which has nothing to do with how many entries
// it has; one in a thousand has another one for once.
func (g *generator) objectName(id uint64) string {
	number := id * 7919 % records
	if g.IntN(1000) == 0 {
		number = g.Uint64N(records)
	}
	return fmt.Sprintf("Object %d", number)
}

const records = 20_000

// id is a UUIDv7 of that time.
func (g *generator) id(at time.Time) string {
	var raw uuid.UUID
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<16|uint64(g.IntN(1<<12)))
	binary.BigEndian.PutUint64(raw[8:], g.Uint64())
	raw[6], raw[8] = raw[6]&0x0f|0x70, raw[8]&0x3f|0x80
	return raw.String()
}

func tenantName(i uint64) string { return fmt.Sprintf("tenant-%02d", i) }
func userName(i uint64) string   { return fmt.Sprintf("user%d@example.com", i) }
