package viewer

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/internal/lang"
	"github.com/gormtrail/audit/search"
	"github.com/gormtrail/audit/storage/memstore"
)

func shipped() []Language { return []Language{German(), Spanish(), French(), Japanese()} }

// TestLanguagesAreWhole: each text, in each form that a number can ask for, with
// as many places to fill in.
func TestLanguagesAreWhole(t *testing.T) {
	for _, l := range shipped() {
		for _, key := range Texts() {
			to, ok := l.Texts[key]
			require.True(t, ok && to != "", "%s lacks %q", l.Tag, key)
			require.Equal(t, strings.Count(key, "%s"), strings.Count(to, "%s"), "%s: %q", l.Tag, key)
			for _, mark := range []string{"{n}", "{total}"} {
				require.Equal(t, strings.Count(key, mark), strings.Count(to, mark), "%s: %q", l.Tag, key)
			}
		}
		for key := range l.Texts {
			plain, category, form := strings.Cut(key, "|")
			require.Contains(t, Texts(), plain, "%s translates what is never said", l.Tag)
			require.Equal(t, form, slices.Contains(lang.Counted(), plain) && category != "", key)
		}
		for _, key := range lang.Counted() {
			for _, n := range []int{0, 1, 2, 5, 11, 21, 100, 1000, 999_999, 1_000_000, 2_000_000} {
				if c := l.category(n); c != "other" {
					require.Contains(t, l.Texts, key+"|"+c, "%s, %d", l.Tag, n)
				}
			}
		}
	}
}

// TestEveryTextIsListed: what the sources say is in Texts, and nothing else is.
func TestEveryTextIsListed(t *testing.T) {
	said := regexp.MustCompile(`(?:\bT|\.text|\.count|\.forms|\.Forms)[ (]"((?:[^"\\]|\\.)*)"`)
	var sources strings.Builder
	for _, pattern := range []string{"*.go", "templates/*.html"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			sources.Write(source)
			for _, m := range said.FindAllSubmatch(source, -1) {
				require.Contains(t, Texts(), string(m[1]), name)
			}
		}
	}
	others := elsewhere()
	for _, text := range Texts() {
		if !slices.Contains(others, text) {
			require.True(t, strings.Contains(sources.String(), `"`+text+`"`), "nothing says %q", text)
		}
	}
	for _, text := range others {
		require.Contains(t, Texts(), text)
	}
}

// elsewhere are the texts that the page doesn't say itself: those of the files, of
// the catalogue, of package time, and values of the root package.
func elsewhere() []string {
	list := append(export.Texts(), audit.RedactedHashed, audit.RedactedTruncated, string(audit.Success), string(audit.Failure), string(audit.Denied))
	for _, a := range append(audit.NewCatalogue(nil, nil).Actions(), audit.Action{}) {
		if a.Group != "" {
			list = append(list, strings.ToUpper(a.Group[:1])+a.Group[1:])
		}
		for _, o := range []audit.Outcome{audit.Success, audit.Failure, audit.Denied} {
			label, word := a.LabelOf(o)
			explanation, words := a.ExplanationOf(o)
			list = append(list, label, word, explanation, words)
		}
	}
	for _, q := range search.Qualifiers() {
		list = append(list, q.Explanation)
	}
	for _, p := range audit.Periods() {
		list = append(list, p.Label())
	}
	for m := time.January; m <= time.December; m++ {
		list = append(list, m.String(), m.String()[:3])
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		list = append(list, d.String())
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" || s == "%s" })
}

// pseudo translates every text into itself between brackets.
func pseudo() Language {
	l := Language{Tag: "en-XA", Texts: map[string]string{}}
	for _, text := range Texts() {
		l.Texts[text] = "⟦" + text + "⟧"
	}
	return l
}

var (
	outside  = regexp.MustCompile(`(?s)<head>.*?</head>|<svg class="sprite".*?</svg>|<pre.*?</pre>|<code.*?</code>|<option.*?</option>|<[^>]*>`)
	spokenIn = regexp.MustCompile(`(?:aria-label|placeholder|data-side|data-done|data-wait|data-text)="([^"]*)"`)
	brackets = regexp.MustCompile(`⟦[^⟦⟧]*(?:⟦[^⟦⟧]*⟧[^⟦⟧]*)*⟧`)
	word     = regexp.MustCompile(`[a-z]{2,}`)
)

// TestNoWordIsLeftUntranslated looks at each page with data in capitals: a small
// letter that isn't translated is a text that no language can reach.
func TestNoWordIsLeftUntranslated(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	var entries []audit.Entry
	for i := range 120 {
		e := audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: time.Date(2026, 10, 15, 8, 0, i, 0, time.UTC), Tenant: fmt.Sprint("T", i%2),
			Project: fmt.Sprint("P", i%2), Actor: audit.Actor{Type: fmt.Sprint("A", i%2), ID: "U1", Name: fmt.Sprint("N", i%3), Email: "E@X.Y"},
			Action: []string{"create", "update", "login", "token_create"}[i%4], Object: audit.Object{Type: "O", ID: "1", Name: "ON", Product: fmt.Sprint("D", i%2)},
			Outcome: audit.Success, Request: audit.Request{IP: "10.0.0.1", ID: "R", Method: "GET", Path: "/X", UserAgent: "UA"}, TransactionID: "X",
			Metadata: map[string]any{"M": map[string]any{"size": int64(5), "sha256": "ABCDEF"}},
			Changes: []audit.Change{
				{Field: "F1", Old: "A", New: ""}, {Field: "F2", Op: audit.OpAdd, New: nil}, {Field: "F3", Op: audit.OpRemove, Old: "X"}, {Field: "F4", Old: audit.Mask, New: audit.Mask, Redacted: "masked"},
				{Field: "F5", Old: "X", New: "Y", Redacted: audit.RedactedErased}, {Field: "F6", Old: "X", New: "Y", Redacted: audit.RedactedHashed}, {Field: "F7", New: strings.Repeat("L", 300)}, {Field: "F8", New: strings.Repeat("L", 90_000)},
			}}
		if i%4 == 2 {
			e.Changes, e.Outcome, e.Error, e.Comment, e.OnBehalfOf = nil, audit.Failure, "ERR", "COM", &audit.Actor{Name: "OB"}
		}
		entries = append(entries, e)
	}
	require.NoError(t, trail.Record(t.Context(), entries...))
	h, err := New(trail, &Options{Authorize: access.InsecureForDevelopment, Languages: []Language{pseudo()}, Title: "TITLE", Location: time.UTC, Zones: []string{}})
	require.NoError(t, err)
	show := func(query string) string {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/"+query, nil)
		r.Header.Set("Accept-Language", "en-XA")
		h.ServeHTTP(w, r)
		return w.Body.String()
	}
	id := "?entry=01980000-0000-7000-8000-000000000005"
	for _, query := range []string{"", "?per=25&cursor=", "?range=24h", "?legend=1", "?help=1", "?legend=1&find=zzz", "?range=custom&from=2026-10-15&to=2026-10-16&action=create&outcome=success&not=outcome%3Dfailure&tz=Europe/Berlin", "?record=NONE", "?sort=-user",
		id, id + "&mode=unified", id + "&view=history", id + "&view=state", "?entry=01980000-0000-7000-8000-000000000006", "?entry=none", "?facet=user", "?facet=user&find=NONE", "?export=CSV"} {
		page := show(query)
		require.Contains(t, page, "⟦")
		said := outside.ReplaceAllString(page, " \x00 ")
		for _, m := range spokenIn.FindAllStringSubmatch(page, -1) {
			said += "\x00" + m[1]
		}
		for _, part := range strings.Split(html.UnescapeString(brackets.ReplaceAllString(said, "")), "\x00") {
			part = strings.NewReplacer("sha-256", "", "Europe/Berlin", "", "Asia/Tokyo", "", "Excel", "", "JSON Lines", "", "2 ", "", "create", "", "update", "", "login", "", "token_create", "", "token_", "").Replace(part)
			if query == "?export=CSV" {
				continue // data, for programs
			}
			require.False(t, word.MatchString(part), "%s says %q", query, strings.TrimSpace(part))
		}
	}
}

func TestNumbersDatesAndPluralsOfEachLanguage(t *testing.T) {
	de, es, fr, ja := German(), Spanish(), French(), Japanese()
	at := time.Date(2026, 3, 5, 9, 4, 5, 0, time.UTC)
	for _, c := range [][3]string{
		{english.number(1234567), "1,234,567", "en"}, {de.number(1234567), "1.234.567", "de"}, {fr.number(1234567), "1\u202f234\u202f567", "fr"}, {de.number(-1234), "-1.234", "de"}, {de.number(999), "999", "de"},
		{english.bytes(999), "999 B", ""}, {english.bytes(12_400), "12.4 KB", ""}, {de.bytes(12_400), "12,4\u00a0kB", ""}, {fr.bytes(1_048_576), "1,0\u00a0Mo", ""}, {de.bytes(3_000_000_000), "3,0\u00a0GB", ""},
		{english.date(at), "5 Mar 2026", ""}, {de.date(at), "05.03.2026", ""}, {fr.date(at), "5 mars 2026", ""},
		{english.fullDate(at), "Thursday, 5 March 2026", ""}, {de.fullDate(at), "Donnerstag, 5. März 2026", ""}, {fr.fullDate(at), "jeudi 5 mars 2026", ""},
		{fr.date(at.AddDate(0, 2, 0)), "5 mai 2026", ""}, {de.fullDate(at.AddDate(0, 2, 0)), "Dienstag, 5. Mai 2026", ""},
		{english.count("%s entries", 1, false), "1 entry", ""}, {english.count("%s entries", 1, true), "1+ entries", ""}, {english.count("%s entries", 0, false), "0 entries", ""},
		{de.count("%s entries", 1, false), "1 Eintrag", ""}, {de.count("%s entries", 0, false), "0 Einträge", ""}, {de.count("%s entries", 10_000, true), "10.000+ Einträge", ""},
		{fr.count("%s entries", 0, false), "0 entrée", ""}, {fr.count("%s entries", 1, false), "1 entrée", ""}, {fr.count("%s entries", 2, false), "2 entrées", ""},
		{es.number(1234567), "1.234.567", "es"}, {es.bytes(12_400), "12,4\u00a0kB", ""}, {es.date(at), "5 mar 2026", ""}, {es.fullDate(at), "jueves, 5 de marzo de 2026", ""}, {es.date(at.AddDate(0, 2, 0)), "5 mayo 2026", ""},
		{es.count("%s entries", 0, false), "0 entradas", ""}, {es.count("%s entries", 1, false), "1 entrada", ""}, {es.count("%s entries", 1_000_000, false), "1.000.000 de entradas", ""}, {es.count("%s entries", 1_000_000, true), "1.000.000+ entradas", ""},
		{ja.number(1234567), "1,234,567", "ja"}, {ja.bytes(12_400), "12.4\u00a0KB", ""}, {ja.date(at), "2026/03/05", ""}, {ja.fullDate(at), "2026年3月5日(木曜日)", ""}, {ja.fullDate(at.AddDate(0, 7, 6)), "2026年10月11日(日曜日)", ""},
		{ja.count("%s entries", 1, false), "1 件のエントリ", ""}, {ja.count("%s entries", 0, false), "0 件のエントリ", ""}, {ja.count("%s entries", 10_000, true), "10,000+ 件のエントリ", ""},
		{fr.count("%s entries", 1_000_000, false), "1\u202f000\u202f000 d’entrées", ""}, {fr.count("%s entries", 1_000_000, true), "1\u202f000\u202f000+ entrées", ""},
	} {
		require.Equal(t, c[1], c[0], c[2])
	}
	for _, l := range shipped() {
		for m := range 12 {
			for d := range 7 {
				day := time.Date(2026, time.Month(m+1), 1+d, 0, 0, 0, 0, time.UTC)
				require.Contains(t, l.fullDate(day), l.Texts[day.Month().String()])
				require.Contains(t, l.fullDate(day), l.Texts[day.Weekday().String()])
				require.NotContains(t, l.fullDate(day), day.Weekday().String())
			}
		}
	}
	require.JSONEq(t, `{"other":"%s 件のエントリ"}`, ja.forms("%s entries"))
	require.JSONEq(t, `{"one":"%s Eintrag","other":"%s Einträge"}`, de.forms("%s entries"))
}

// TestWhichLanguage a reader gets.
func TestWhichLanguage(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	own := Language{Tag: "en", Texts: map[string]string{"Action": "Deed"}}
	hosts := ""
	h, err := New(trail, &Options{Authorize: access.InsecureForDevelopment, Languages: append(shipped(), own), Language: func(*http.Request) string { return hosts }})
	require.NoError(t, err)
	for _, c := range []struct{ query, host, header, want string }{
		{"", "", "", "en"}, {"", "", "de", "de"}, {"", "", "de-AT", "de"}, {"", "", "FR-ca;q=0.3, de;q=0.9", "de"}, {"", "", "de;q=0, fr", "fr"}, {"", "", "xx, *", "en"},
		{"", "fr", "de", "fr"}, {"", "xx", "de", "de"}, {"?lang=de", "fr", "en", "de"}, {"?lang=xx", "", "fr", "fr"}, {"", "", "de;q=0.8001, fr;q=0.8002", "fr"},
		{"", "", "ja", "ja"}, {"", "", "ja-JP, en;q=0.5", "ja"}, {"", "", "es-MX,es;q=0.9,en;q=0.8", "es"}, {"", "", "es-419", "es"}, {"", "", "pt-BR,pt;q=0.9", "en"}, {"", "", "pt-PT,es;q=0.4,en;q=0.6", "en"}, {"?lang=ja-JP", "", "de", "ja"}, {"", "zh-Hant-TW", "", "en"},
	} {
		hosts = c.host
		r := httptest.NewRequest(http.MethodGet, "/"+c.query, nil)
		r.Header.Set("Accept-Language", c.header)
		require.Equal(t, c.want, h.languageOf(r).Tag, "%+v", c)
	}
	require.Equal(t, "Deed", h.languageOf(httptest.NewRequest(http.MethodGet, "/", nil)).text("Action"), "a host's English comes before the page's")
}
