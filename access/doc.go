// Package access decides who may see what of the audit log.
//
// A [Grant] says what one request may see and do. Page, JSON API, exports and
// live feed all ask for it in the same way ([Authorize]) and read through it
// ([Grant.Reader], [Grant.Select]), so what one of them masks no other hands out.
// Code of your own reads through it as well:
//
//	grant, err := authorize.Grant(r)
//	page, err := grant.Reader(trail).Query(ctx, q)
//
// The zero Grant shows nothing. docs/security.md lists what is masked, and what
// can't be promised.
package access
