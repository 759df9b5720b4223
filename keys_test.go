package audit_test

import (
	"encoding/hex"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
)

// Numbers are sorted by value, compared with math/big, before all other IDs,
// and no two IDs share a key.
func TestObjectIDKeyOrder(t *testing.T) {
	id := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,22})`), rapid.StringMatching(`-?[0-9]{1,4}`), rapid.StringMatching(`[+ ]?[0-9a-z.-]{0,4}`), rapid.String(),
		rapid.Map(rapid.IntRange(1, 1010), func(n int) string { return strings.Repeat("7", n) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		ka, kb := audit.ObjectIDKey(a), audit.ObjectIDKey(b)
		require.Equal(t, a == b, ka == kb, "keys %q and %q", ka, kb)
		na, nb := wholeNumber(a), wholeNumber(b)
		switch {
		case na != nil && nb != nil:
			require.Equal(t, na.Cmp(nb), strings.Compare(ka, kb))
		case na == nil && nb == nil:
			require.Equal(t, strings.Compare(a, b), strings.Compare(ka, kb))
		default:
			require.Equal(t, na != nil, ka < kb, "numbers first")
		}
	})
}

// wholeNumber reads an ID that is a number in the one plain form.
func wholeNumber(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.String() != s || len(strings.TrimPrefix(s, "-")) > 999 {
		return nil
	}
	return n
}

// IPRange against net/netip.
func TestIPRangeIsThePrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var addr netip.Addr
		if rapid.Bool().Draw(t, "IPv4") {
			addr = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
		} else {
			addr = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")))
		}
		prefix := netip.PrefixFrom(addr, rapid.IntRange(0, addr.BitLen()).Draw(t, "bits"))
		lo, hi, err := audit.IPRange(prefix.String())
		require.NoError(t, err)
		require.LessOrEqual(t, lo, hi)

		other := addr.As16()
		edge := prefix.Bits() + 128 - addr.BitLen() // the bits on both sides of it decide
		for _, bit := range rapid.SliceOfN(rapid.OneOf(rapid.IntRange(edge-1, edge), rapid.IntRange(0, 127)), 0, 3).Draw(t, "flip") {
			if 0 <= bit && bit < 128 {
				other[bit/8] ^= 0x80 >> (bit % 8)
			}
		}
		near := netip.AddrFrom16(other)
		inside := prefix.Contains(near) || (addr.Is4() && prefix.Contains(near.Unmap()) && near.Is4In6())
		key := audit.IPKey(near.String())
		require.Equal(t, inside, lo <= key && key <= hi, "%s in %s", near, prefix)
	})
}

func TestIPKey(t *testing.T) {
	for a, b := range map[string]string{"10.0.0.1": "::ffff:10.0.0.1", "2001:DB8::1": "2001:db8:0:0::1", "fe80::1%eth0": "fe80::1"} {
		assert.Equal(t, audit.IPKey(a), audit.IPKey(b))
	}
	assert.Equal(t, "00000000000000000000ffff0a000001", audit.IPKey("10.0.0.1"))
	assert.Empty(t, audit.IPKey(""))
	last := hex.EncodeToString([]byte(strings.Repeat("\xff", 16)))
	for _, s := range []string{"x", "localhost", "10.0.0.1:80", "010.0.0.1", "10.0.0.0/8", "0"} {
		assert.Greater(t, audit.IPKey(s), last, "%q is no address and follows all that are", s)
	}
	for _, s := range []string{"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "/8", "10.0.0.0/-1", "fe80::1%eth0/64", "10.0.0.0/08", "a/b/c"} {
		_, _, err := audit.IPRange(s)
		assert.Error(t, err, "%q", s)
	}
}

// Fold makes equal what simple case folding makes equal, and nothing else.
func TestFoldOfEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if 0xD800 <= r && r <= 0xDFFF {
			continue
		}
		folded := audit.Fold(string(r))
		if utf8.RuneCountInString(folded) != 1 || !strings.EqualFold(string(r), folded) || audit.Fold(string(unicode.SimpleFold(r))) != folded {
			require.Failf(t, "wrong fold", "%U becomes %q", r, folded)
		}
	}
}

func TestFold(t *testing.T) {
	equal := func(a, b string) { assert.Equal(t, audit.Fold(a), audit.Fold(b), "%q and %q", a, b) }
	differ := func(a, b string) { assert.NotEqual(t, audit.Fold(a), audit.Fold(b), "%q and %q", a, b) }
	equal("Kelvin", "\u212AELVIN")
	equal("ſam", "SAM")
	equal("ΣΊΣΥΦΟΣ", "σίσυφος")
	equal("ÅNGSTRÖM", "\u212Bngström")
	equal("𐐀", "𐐨")
	differ("straße", "STRASSE")
	differ("İstanbul", "istanbul")
	differ("ı", "i")
	differ("é", "e\u0301")
	differ("a", "ä")
	for _, s := range []string{"%_\\'\"", "日本 مرحبا 😀", "", "a\x00b"} {
		equal(s, s)
		assert.Len(t, audit.Fold(s), len(s))
	}
}

func TestSortKey(t *testing.T) {
	e := audit.Entry{Action: "login", Actor: audit.Actor{Name: "Ada", Email: "ada@x"}, Object: audit.Object{Type: "users", ID: "7"}, Request: audit.Request{IP: "::1"}}
	for sort, want := range map[audit.Sort]string{
		"": "", audit.SortTime: "", audit.Newest: "", audit.SortObjectType: "users", "-type": "users", audit.SortObjectID: audit.ObjectIDKey("7"),
		audit.SortAction: "login", "-action": "login", audit.SortUser: "ada@x", audit.SortIP: audit.IPKey("::1"),
	} {
		assert.Equal(t, want, audit.SortKey(sort, e), "sort %q", sort)
	}
}

func TestSortKeysOfEveryColumn(t *testing.T) {
	e := audit.Entry{
		ID: "01980000-0000-7000-8000-0000000000af", Tenant: "acme", Project: "web", TransactionID: "tx", Error: "refused", Comment: strings.Repeat("é", 201),
		Actor: audit.Actor{Type: "user", ID: "7", Name: "Ada", Email: "ada@x"}, OnBehalfOf: &audit.Actor{Type: "user", ID: "8", Name: "Ben"}, Object: audit.Object{Name: "Site", Product: "cms"},
		Request: audit.Request{ID: "req", Method: "GET", Path: "/a", UserAgent: "curl"}, Changes: []audit.Change{{Field: "settings.theme"}, {Field: "a"}},
	}
	want := map[audit.Sort]string{
		audit.SortTenant: "acme", audit.SortOutcome: "success", audit.SortObjectName: "Site", audit.SortChanges: "settings", audit.SortOnBehalfOf: "Ben", audit.SortBehalfType: "user", audit.SortBehalfID: "8", audit.SortBehalfName: "Ben", audit.SortBehalfEmail: "",
		audit.SortComment: strings.Repeat("é", 200), audit.SortError: "refused", audit.SortProduct: "cms", audit.SortProject: "web", audit.SortActorType: "user",
		audit.SortActorID: "7", audit.SortActorName: "Ada", audit.SortActorEmail: "ada@x", audit.SortRequestID: "req", audit.SortTransaction: "tx",
		audit.SortMethod: "GET", audit.SortPath: "/a", audit.SortUserAgent: "curl", audit.SortEntryID: e.ID,
	}
	bounded := 0
	for _, sort := range audit.SortKeys() {
		_, err := audit.Query{Sort: "-" + sort}.Validate()
		require.NoError(t, err)
		if key, ok := want[sort]; ok {
			require.Equal(t, key, audit.SortKey("-"+sort, e), sort)
			require.Equal(t, sort != audit.SortTenant, sort.Bounded(), sort)
		}
		if sort.Bounded() {
			bounded++
			require.Contains(t, want, sort)
		}
	}
	require.Equal(t, len(want)-1, bounded)
	for field, want := range map[string]string{"tags[2].x": "tags", ".x": "", "a\x1fb": "a", strings.Repeat("x", 300): strings.Repeat("x", 200)} {
		require.Equal(t, want, audit.SortKey(audit.SortChanges, audit.Entry{Changes: []audit.Change{{Field: field}}}))
	}
	require.Empty(t, audit.SortKey(audit.SortChanges, audit.Entry{}))
}

func TestTooManyToSort(t *testing.T) {
	err := audit.Sort("-outcome").TooMany()
	require.ErrorIs(t, err, audit.ErrTooManyToSort)
	require.ErrorIs(t, err, audit.ErrInvalidQuery)
	require.EqualError(t, err, "audit: invalid query: sort: sorting by outcome is possible for at most 100,000 entries, and more match: narrow the filter, or sort by time")
	require.False(t, audit.SortRecorded.Bounded())
}

func TestSort(t *testing.T) {
	assert.True(t, audit.Sort("").Descending() && audit.Newest.Descending() && !audit.SortTime.Descending())
	assert.Equal(t, audit.SortTime, audit.Newest.Key())
	for _, s := range []audit.Sort{audit.Newest, audit.SortUser, "-ip"} {
		assert.Equal(t, s, s.Reverse().Reverse())
		assert.NotEqual(t, s.Descending(), s.Reverse().Descending())
	}
	assert.Equal(t, audit.SortTime, audit.Sort("").Reverse())
}
