package access

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// MaxRecorded is how many bytes an entry about reading keeps of the query, and of
// the names of the tenants that were read.
const MaxRecorded = 4 << 10

// Recorded completes e, an entry about reading or exporting what f selects, scope
// included. query is stored in the metadata under name; of more than MaxRecorded
// bytes the first whole parameters, and the SHA-256 of all.
//
// If f can select entries of one tenant only, e is an entry of that tenant. Else
// it is one of the context's tenant. If f lists several, the metadata has their
// names under "tenants", or their number if the names are too long together.
func Recorded(e audit.Entry, f audit.Filter, name, query string) audit.Entry {
	if e.Metadata == nil {
		e.Metadata = map[string]any{}
	}
	e.Metadata[name] = cutQuery(query)
	switch tenants, listed := tenantsOf(f); {
	case !listed:
	case len(tenants) == 1:
		e.Tenant = tenants[0]
	case len(strings.Join(tenants, ",")) > MaxRecorded:
		e.Metadata["tenants"] = len(tenants)
	default:
		e.Metadata["tenants"] = tenants
	}
	return e
}

// Tenant is the tenant whose entries the scope shows; "" if that isn't exactly one.
func (g Grant) Tenant() string {
	if tenants, _ := tenantsOf(g.Scope); len(tenants) == 1 {
		return tenants[0]
	}
	return ""
}

// tenantsOf returns the tenants that f can select, sorted; false if it doesn't
// list them.
func tenantsOf(f audit.Filter) (tenants []string, listed bool) {
	for _, term := range f.Terms() {
		switch {
		case len(term.Tenants) == 0:
		case !listed:
			tenants, listed = slices.Clone(term.Tenants), true
		default:
			tenants = slices.DeleteFunc(tenants, func(t string) bool { return !slices.Contains(term.Tenants, t) })
		}
	}
	slices.Sort(tenants)
	return slices.Compact(tenants), listed
}

// cutQuery bounds a query string. It cuts between parameters: half an email
// address isn't recognized when the entry is masked.
func cutQuery(query string) string {
	if len(query) <= MaxRecorded {
		return query
	}
	sum := sha256.Sum256([]byte(query))
	end := "…sha256:" + hex.EncodeToString(sum[:])
	head := query[:MaxRecorded-len(end)]
	return head[:strings.LastIndexByte(head, '&')+1] + end
}
