package access

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

func TestAddressesAreMaskedInAnySurrounding(t *testing.T) {
	m := newMask(false, nil, audit.Mask)
	for text, want := range map[string]string{
		"mara@lumen.example":                                   "[masked]",
		"mailto:mara@lumen.example":                            "mailto:[masked]",
		"Mara <mara@lumen.example>, 'o'brien@x.example'":       "Mara <[masked]>, '[masked]'",
		`"mara b"@lumen.example`:                               "[masked]",
		"bounce+mara=lumen.example@mailer.example":             "[masked]",
		"dial tcp 203.0.113.77:5432: connect: refused":         "dial tcp [masked]:5432: connect: refused",
		"ip:203.0.113.77":                                      "ip:[masked]",
		"203.0.113.77.":                                        "[masked].",
		"77.113.0.203.in-addr.arpa":                            "[masked].in-addr.arpa",
		"[::1]:80":                                             "[[masked]]:80",
		"dial tcp [2001:db8::1c9]:5432: i/o timeout":           "dial tcp [[masked]]:5432: i/o timeout",
		"ip:2001:db8::1":                                       "ip:[masked]",
		"added:2001:db8::1: done":                              "added:[masked]: done",
		"fe80::1%eth0":                                         "[masked]%eth0",
		"::ffff:203.0.113.77":                                  "[masked]",
		"2001:db8:1:2:3:4:5:6":                                 "[masked]",
		"dead:beef::cafe":                                      "[masked]",
		"email=mara%40lumen.example,code=de":                   "[masked],code=de",
		"action=login&user=mara%40lumen.example&x=1":           "action=login&[masked]&x=1",
		"not=user%3Dmara%2540lumen.example":                    "[masked]",
		"ip=203.0.113.77&q=%22203.0.113.77%22":                 "ip=[masked]&q=%22[masked]%22",
		"ip=2001%3Adb8%3A%3A1":                                 "ip=[masked]",
		"ip=2001%253Adb8%253A%253A1":                           "ip=[masked]",
		"%5B%3A%3A1%5D%3A80":                                   "%5B[masked]%5D%3A80",
		"host=%20203.0.113.77%20":                              "host=%20[masked]%20",
		"/users/mara@lumen.example/keys?ip=203.0.113.77&a=b@c": "[masked]?ip=[masked]&[masked]",

		"at 12:34:56.789 on 2026-01-15T09:30:00Z":         "",
		"v1.2.3, 1.234.567.890, std::string, [::]:80, ::": "",
		"00:1b:44:11:3a:b7":                               "",
		"43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8": "",
		"100% of 5% @ noon":                               "",
		"INV-20001,tenant_id=1":                           "",
	} {
		if want == "" {
			want = text
		}
		require.Equal(t, want, m.text(text, nil), text)
		require.Equal(t, want, m.text(want, nil), "once more")
		require.Equal(t, text, newMask(true, nil, audit.Mask).text(text, nil))
	}
	require.Equal(t, "by [masked] at odd[masked]; q=[masked]", m.text("by a&b at odda&b; q=a%26b", []string{"a&b", "a%26b"}))
}

// TestNoSurroundingKeepsAnAddress: any character before and behind it, escaped as in
// a URL or not; letters too, where they can't be a part of the address.
func TestNoSurroundingKeepsAnAddress(t *testing.T) {
	m := newMask(false, nil, audit.Mask)
	for address, part := range map[string]string{
		"mara@lumen.example": "mara", "203.0.113.77": "203.0.113", "2001:db8::1c9": "db8", "::1": "::1", "2001:db8:1:2:3:4:5:6": "db8",
	} {
		for c := range rune(0x250) {
			digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c == '.' || c == ':'
			if part != "mara" && digit { // may be a part of it
				continue
			}
			text := string(c) + address + string(c)
			for _, form := range []string{text, url.QueryEscape(text), url.PathEscape(text), url.QueryEscape("q=" + url.QueryEscape(text)), "x" + text + "x"} {
				masked := m.text(form, nil)
				require.NotContains(t, masked, part, "%q", form)
				plain, _ := unescape(masked)
				require.NotContains(t, plain, part, "%q", form)
			}
		}
	}
}

func TestEveryTextOfAnEntryIsMasked(t *testing.T) {
	const secret = "from 203.0.113.77"
	e := audit.Entry{
		Tenant: secret, Project: secret, Action: secret, Error: secret, Comment: secret, TransactionID: secret,
		Actor:      audit.Actor{Type: secret, ID: secret, Name: secret, Email: "odd"},
		OnBehalfOf: &audit.Actor{Type: secret, ID: secret, Name: "odd", Email: "mara@lumen.example"},
		Object:     audit.Object{Type: secret, ID: secret, Name: secret, Product: secret},
		Request:    audit.Request{IP: "203.0.113.77", UserAgent: secret, ID: secret, Method: secret, Path: secret},
		Changes:    []audit.Change{{Field: secret, Old: secret, New: []any{map[string]any{secret: secret}}}},
		Metadata:   map[string]any{secret: secret, "mara@x": 1, "bob@x": 2},
	}
	const masked = "from [masked]"
	require.Equal(t, audit.Entry{
		Tenant: masked, Project: masked, Action: masked, Error: masked, Comment: masked, TransactionID: masked,
		Actor:      audit.Actor{Type: masked, ID: masked, Name: masked, Email: audit.Mask},
		OnBehalfOf: &audit.Actor{Type: masked, ID: masked, Name: audit.Mask, Email: audit.Mask},
		Object:     audit.Object{Type: masked, ID: masked, Name: masked, Product: masked},
		Request:    audit.Request{IP: audit.Mask, UserAgent: masked, ID: masked, Method: masked, Path: masked},
		Changes:    []audit.Change{{Field: masked, Old: masked, New: []any{map[string]any{masked: masked}}}},
		Metadata:   map[string]any{masked: masked, audit.Mask: audit.Mask},
	}, newMask(false, nil, audit.Mask).entry(e))
	require.Equal(t, "odd", e.Actor.Email, "the store's own stays")
	require.Equal(t, secret, e.Changes[0].Field)
}

func TestHiddenPathsMeanTheSameWithPlacesInLists(t *testing.T) {
	for _, hidden := range []string{"tags.secret", "tags[2].secret", "tags[0][1].secret"} {
		m := newMask(true, []string{hidden, ""}, audit.Mask)
		list := func(secret any) []any { return []any{map[string]any{"secret": secret, "open": "b"}} }
		for given, want := range map[string][2]any{
			"tags[1].secret":    {"a", audit.Mask},
			"tags.secret":       {"a", audit.Mask},
			"tags[1].secret[4]": {"a", audit.Mask},
			"tags.secret.x":     {"a", audit.Mask},
			"tags[0].secrets":   {"a", "a"},
			"tags[x].secret":    {"a", "a"},
			"tags":              {list("a"), list(audit.Mask)},
			"tags[7]":           {list("a")[0], list(audit.Mask)[0]},
			"other":             {list("a"), list("a")},
		} {
			c := m.change(audit.Change{Field: given, New: want[0]}, nil)
			require.Equal(t, want[1], c.New, "%s hides %s", hidden, given)
			require.Nil(t, c.Old)
			require.Equal(t, given, c.Field)
		}
		document := m.change(audit.Change{Field: "tags", New: `[{"secret": "a"}]`}, nil)
		require.Equal(t, audit.Mask, document.New, "a document as text")
		cut := m.change(audit.Change{Field: "tags", New: map[string]any{"beginning": "a"}, Redacted: audit.RedactedTruncated}, nil)
		require.Equal(t, audit.Mask, cut.New)
		e := m.entry(audit.Entry{Metadata: map[string]any{"tags": list("a")}})
		require.Equal(t, map[string]any{"tags": list(audit.Mask)}, e.Metadata)
	}
}
