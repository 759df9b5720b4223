package sortkey_test

import (
	"encoding/hex"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/sortkey"
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
		ka, kb := sortkey.ObjectID(a), sortkey.ObjectID(b)
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
		lo, hi, err := sortkey.IPRange(prefix.String())
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
		key := sortkey.IP(near.String())
		require.Equal(t, inside, lo <= key && key <= hi, "%s in %s", near, prefix)
	})
}

func TestIPKey(t *testing.T) {
	for a, b := range map[string]string{"10.0.0.1": "::ffff:10.0.0.1", "2001:DB8::1": "2001:db8:0:0::1", "fe80::1%eth0": "fe80::1"} {
		assert.Equal(t, sortkey.IP(a), sortkey.IP(b))
	}
	assert.Equal(t, "00000000000000000000ffff0a000001", sortkey.IP("10.0.0.1"))
	assert.Empty(t, sortkey.IP(""))
	last := hex.EncodeToString([]byte(strings.Repeat("\xff", 16)))
	for _, s := range []string{"x", "localhost", "10.0.0.1:80", "010.0.0.1", "10.0.0.0/8", "0"} {
		assert.Greater(t, sortkey.IP(s), last, "%q is no address and follows all that are", s)
	}
	for _, s := range []string{"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "/8", "10.0.0.0/-1", "fe80::1%eth0/64", "10.0.0.0/08", "a/b/c"} {
		_, _, err := sortkey.IPRange(s)
		assert.Error(t, err, "%q", s)
	}
}
