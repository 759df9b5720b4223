package access

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/gormtrail/audit"
)

// MaxQueryString is how many bytes the query string of a request may have. A list
// of audit.MaxFilterValues IDs fits.
const MaxQueryString = 64 << 10

// CheckLength returns a *audit.QueryError for a request whose query string is longer
// than MaxQueryString. Page, API, exports and live feed refuse it with 400.
func CheckLength(r *http.Request) error {
	if n := len(r.URL.RawQuery); n > MaxQueryString {
		return &audit.QueryError{Param: "query string", Reason: fmt.Sprintf("has %d bytes, at most %d are possible", n, MaxQueryString)}
	}
	return nil
}

// Values parses the query string of a request, without the parameters to ignore
// (audit.IgnoreParams). The error is a *audit.QueryError.
func Values(r *http.Request, ignore ...string) (url.Values, error) {
	if err := CheckLength(r); err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &audit.QueryError{Param: "query string", Reason: "is not well-formed", Err: err}
	}
	return audit.IgnoreParams(values, ignore...), nil
}
