package httpaudit

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gormtrail/audit"
)

// Bounds of what a client may put on the trail with each request, in bytes.
// What is longer is cut and ends in "…".
const (
	maxUserAgent = 1024
	maxMethod    = 32
	maxPath      = 2048
)

// ActorErrorKey is the metadata key under which an entry tells that
// Options.Actor failed, with the error's text as its value.
const ActorErrorKey = "actor_error"

// OnBehalfOfErrorKey is the metadata key under which an entry tells that
// Options.OnBehalfOf failed, with the error's text as its value.
const OnBehalfOfErrorKey = "on_behalf_of_error"

// Options say how a request is read. nil and the zero value mean every default.
// They must not be changed while in use.
type Options struct {
	// Actor says who sends the request, usually from what the host's own
	// authentication left in its context.
	//
	// The zero Actor means that nobody is known, a visitor: the context keeps
	// the actor that it may hold already. An error means that it can't be said
	// who it is. Neither loses an event: the request is served, and its entries
	// then have an actor of type "unknown" (with whatever else was returned)
	// and the error's text in their metadata (ActorErrorKey). To refuse such a
	// request is the host's decision, not the trail's.
	//
	// Default: nil, the context's actor is left as it is.
	Actor func(*http.Request) (audit.Actor, error)

	// OnBehalfOf says whom the actor stands in for in this request: the customer
	// whose account a support agent has opened, or the user of a service.
	//
	// The zero Actor means nobody; the context keeps what it may hold already. After
	// an error the request is served, and its entries are on behalf of an actor of
	// type "unknown" (with whatever else was returned), with the error's text in their
	// metadata (OnBehalfOfErrorKey). Default: nil, the context is left as it is.
	OnBehalfOf func(*http.Request) (audit.Actor, error)

	// Tenant says which tenant, and which project inside it, the request is
	// about. Both "" leave the context as it is. Default: nil, likewise.
	Tenant func(*http.Request) (tenant, project string)

	// TrustedProxies are the addresses of the proxies whose word is taken for
	// whom they forward. List the proxies themselves, not the networks of
	// clients: an address in here is never a client's while another one is
	// behind it. IPv4 and IPv4-mapped prefixes mean the same. Default: none,
	// and the client is the peer of the connection.
	TrustedProxies []netip.Prefix

	// TrustUnixSocket takes the word of a peer that has no address, as a proxy
	// on the same machine has that connects to a Unix socket.
	// Default: false, such requests have no address.
	TrustUnixSocket bool

	// ProxyHeader is the header in which the trusted proxies say whom they
	// forward: "X-Forwarded-For" or "Forwarded" (RFC 7239), or another that
	// holds addresses as X-Forwarded-For does, such as "X-Real-IP". Name it
	// where the proxies write Forwarded and let X-Forwarded-For from outside
	// pass, or the other way round: a header that no proxy writes is the
	// client's to forge. Default: X-Forwarded-For where the request has it,
	// else Forwarded.
	ProxyHeader string

	// RequestID returns the ID that the host knows the request by, as in its
	// logs. What is no sane ID (see RequestIDHeader) is passed over.
	// Default: nil, the header is read.
	RequestID func(*http.Request) string

	// RequestIDHeader is the header that holds the request's ID. One that has 1
	// to 128 letters, digits and "-._~:/+=@" is taken; else the trace ID of a
	// valid traceparent header (W3C Trace Context); else a new one is made. An
	// ID from a header is a label that a client can choose: let the proxy
	// overwrite it where that matters. "-": neither header is read.
	// Default: "X-Request-ID".
	RequestIDHeader string
}

// Middleware returns net/http middleware that annotates each request (see
// Annotate) and passes the ResponseWriter on untouched. It is safe for
// concurrent use, and starts no goroutine.
func Middleware(opts *Options) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, Annotate(r, opts))
		})
	}
}

// Annotate returns r with a context that holds what opts (nil: every default)
// finds in it, for audit.RequestFrom, audit.ActorFrom, audit.OnBehalfOfFrom and audit.TenantFrom, and
// for every entry that is recorded under it. r itself is left as it is. It
// never fails: what a request doesn't say, or says wrongly, stays empty.
func Annotate(r *http.Request, opts *Options) *http.Request {
	if opts == nil {
		opts = &Options{}
	}
	ctx := audit.WithRequest(r.Context(), opts.request(r))
	ctx = withActor(ctx, r, opts.Actor, ActorErrorKey, audit.WithActor)
	ctx = withActor(ctx, r, opts.OnBehalfOf, OnBehalfOfErrorKey, audit.WithOnBehalfOf)
	if opts.Tenant != nil {
		if tenant, project := opts.Tenant(r); tenant != "" || project != "" {
			ctx = audit.WithTenant(ctx, tenant, project)
		}
	}
	return r.WithContext(ctx)
}

func (o *Options) request(r *http.Request) audit.Request {
	req := audit.Request{
		UserAgent: cut(r.UserAgent(), maxUserAgent),
		ID:        o.requestID(r),
		Method:    cut(r.Method, maxMethod),
	}
	if r.URL != nil {
		req.Path = cut(r.URL.Path, maxPath)
	}
	if ip := ClientIP(r, o); ip.IsValid() {
		req.IP = ip.String()
	}
	return req
}

// withActor puts what find returns into the context by put. A failed look-up is
// something to see on the trail, not a reason to leave its events off it.
func withActor(ctx context.Context, r *http.Request, find func(*http.Request) (audit.Actor, error), errorKey string,
	put func(context.Context, audit.Actor) context.Context,
) context.Context {
	if find == nil {
		return ctx
	}
	actor, err := find(r)
	if err != nil {
		actor.Type = "unknown"
		ctx = audit.WithMetadata(ctx, errorKey, err.Error())
	}
	if actor.IsZero() {
		return ctx
	}
	return put(ctx, actor)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}
