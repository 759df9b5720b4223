package viewer_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// schema is the part of JSON Schema that the description uses. Anything else in
// it fails the test, so that nothing is passed over.
type schema struct {
	Ref                                  string `json:"$ref"`
	Type                                 string
	Format, ContentEncoding, Description string
	Const, Default                       any
	Enum                                 []any
	Required                             []string
	Properties                           map[string]*schema
	AdditionalProperties                 any // false, or the schema of values
	Items                                *schema
	AnyOf                                []*schema
	Minimum, Maximum                     *float64
	MaxItems                             *int
}

type openapi struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		Parameters []struct {
			Name, In string
			Schema   *schema
		}
		Responses map[string]struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

func described(t *testing.T, h http.Handler) *openapi {
	t.Helper()
	var o openapi
	w := get(h, "?asset=openapi.json")
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &o))
	require.True(t, strings.HasPrefix(o.OpenAPI, "3.1"))
	return &o
}

// fits returns why a value isn't what a schema says.
func (o *openapi) fits(s *schema, v any, at string) error {
	if s.Ref != "" {
		to := o.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		if to == nil {
			return fmt.Errorf("%s: nothing is at %s", at, s.Ref)
		}
		return o.fits(to, v, at)
	}
	if len(s.AnyOf) > 0 {
		var errs []string
		for _, one := range s.AnyOf {
			err := o.fits(one, v, at)
			if err == nil {
				return nil
			}
			errs = append(errs, err.Error())
		}
		return fmt.Errorf("%s fits none of: %s", at, strings.Join(errs, "; "))
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is none of %v", at, v, s.Enum)
	}
	if s.Const != nil && s.Const != v {
		return fmt.Errorf("%s: %v is not %v", at, v, s.Const)
	}
	switch s.Type {
	case "":
		return nil
	case "string":
		text, ok := v.(string)
		if ok && s.Format == "date-time" {
			_, err := time.Parse(time.RFC3339Nano, text)
			return err
		}
		return wrong(ok, at, s, v)
	case "integer":
		n, ok := v.(float64)
		return wrong(ok && n == float64(int64(n)), at, s, v)
	case "boolean":
		_, ok := v.(bool)
		return wrong(ok, at, s, v)
	case "array":
		list, ok := v.([]any)
		for i, x := range list {
			if err := o.fits(s.Items, x, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return wrong(ok, at, s, v)
	case "object":
		return o.fitsObject(s, v, at)
	}
	return fmt.Errorf("%s: the test knows no type %q", at, s.Type)
}

func wrong(ok bool, at string, s *schema, v any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s: %v is no %s", at, v, s.Type)
}

func (o *openapi) fitsObject(s *schema, v any, at string) error {
	m, ok := v.(map[string]any)
	if !ok {
		return wrong(false, at, s, v)
	}
	for _, name := range s.Required {
		if _, ok := m[name]; !ok {
			return fmt.Errorf("%s lacks %s", at, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		p, ok := s.Properties[name]
		if !ok {
			if s.AdditionalProperties == false {
				return fmt.Errorf("%s has %s, which isn't described", at, name)
			}
			continue
		}
		if err := o.fits(p, m[name], at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// TestAnswersAreAsDescribed holds the handler to its OpenAPI document.
func TestAnswersAreAsDescribed(t *testing.T) {
	trail := newTrail(t, append(demo(60), secrets())...)
	h := newViewer(t, trail, nil)
	o := described(t, h)
	operation := o.Paths["/"]["get"]
	for query, name := range map[string]string{
		"?limit=3": "List", "?action=nothing": "List", "?entry=" + someID: "Entry", "?view=history&entry=" + someID: "List",
		"?view=state&entry=" + someID: "State", "?facet=action": "Facet", "?facet=user&find=x": "Facet", "?help=1": "Help",
		"?ip=x": "Problem", "?entry=none": "Problem", "?facet=none": "Problem", "?view=none&entry=" + someID: "Problem",
	} {
		w := get(h, query, "Accept", "application/json")
		answer, ok := operation.Responses[fmt.Sprint(w.Code)]
		require.True(t, ok, "%s: status %d isn't described", query, w.Code)
		_, ok = answer.Content[w.Header().Get("Content-Type")]
		require.True(t, ok, "%s: %s isn't described for %d", query, w.Header().Get("Content-Type"), w.Code)
		var v any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
		require.NoError(t, o.fits(o.Components.Schemas[name], v, query))
	}
	for _, format := range []string{"csv", "xlsx", "pdf", "jsonl"} {
		w := get(h, "?export="+format)
		kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		_, ok := operation.Responses["200"].Content[kind]
		require.True(t, ok, "%s isn't described", kind)
	}
	require.Equal(t, http.StatusMethodNotAllowed, func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
		return w.Code
	}())
	require.NoError(t, trail.Close(t.Context()))
	require.Equal(t, "application/problem+json", get(h, "?format=json").Header().Get("Content-Type"))
}

// TestEveryParameterIsDescribed: what the handler knows is in the document, and
// the other way round.
func TestEveryParameterIsDescribed(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(3)...), nil)
	var names []string
	for _, p := range described(t, h).Paths["/"]["get"].Parameters {
		require.Equal(t, "query", p.In)
		names = append(names, p.Name)
		_, err := audit.ParseFilter(url.Values{p.Name: {""}})
		require.NoError(t, err, "%s is described, and not known", p.Name)
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names))
	filter := audit.Filter{
		Tenants: []string{"a"}, Projects: []string{"a"}, From: day, To: day, Actions: []string{"a"}, Outcomes: []audit.Outcome{"failure"},
		ObjectTypes: []string{"a"}, ObjectIDs: []string{"a"}, Products: []string{"a"}, ActorTypes: []string{"a"}, ActorIDs: []string{"a"}, Users: []string{"a"}, OnBehalfOf: []string{"a"},
		IPs: []string{"::1"}, Fields: []string{"a"}, TransactionID: "a", RequestID: "a", Keyword: "a", Not: []audit.Filter{{}},
		Severities: []audit.Severity{audit.Alarm}, WithoutReads: true,
	}
	for name := range filter.Values() {
		require.Contains(t, names, name)
	}
	for _, name := range []string{"sort", "limit", "per", "cursor", "tz", "entry", "view", "facet", "find", "help", "export", "live", "after", "format", "range"} {
		require.Contains(t, names, name)
	}
}

func TestListAsJSON(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(60)...), nil)
	type answer struct {
		Entries    []audit.Entry
		Next, Prev string
		Total      *int
	}
	read := func(q string) (a answer, header http.Header) {
		w := get(h, q, "Accept", "application/json")
		require.Equal(t, http.StatusOK, w.Code)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
		return a, w.Header()
	}
	first, header := read("?limit=25")
	require.Len(t, first.Entries, 25)
	require.Equal(t, 60, *first.Total)
	require.Equal(t, demo(60)[59].ID, first.Entries[0].ID)
	to := strings.TrimPrefix(strings.Split(header.Get("Link"), ">")[0], "<")
	second, header := read(to)
	require.Nil(t, second.Total)
	require.Equal(t, demo(60)[34].ID, second.Entries[0].ID)
	require.Len(t, header.Values("Link"), 2)
	require.Equal(t, "application/json", get(h, to).Header().Get("Content-Type"), "the links ask for data themselves")
	require.Equal(t, "text/html; charset=utf-8", get(h, "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8").Header().Get("Content-Type"))
	require.Equal(t, "application/json", get(h, "?format=json", "Accept", "text/html").Header().Get("Content-Type"))
}
