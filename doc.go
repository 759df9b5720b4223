// Package audit is an audit trail that a Go app embeds.
//
// In the order in which the data flows:
//
//   - An [Entry] is one fact: who did what to which object, when, from where,
//     and what changed. Package hooks makes one for each row that changes
//     through GORM, inside the host's own transaction; [Trail.Record] takes any
//     other, such as logins.
//   - The context carries what entries have in common: [WithActor],
//     [WithRequest], [WithTenant], [WithComment], [WithMetadata]. Package
//     httpaudit fills it from an HTTP request.
//   - A [Trail] completes entries from the context, checks them, takes secrets
//     out ([Redaction]), and hands them to its [Store].
//   - A store keeps them: package storage/gormstore in the host's SQL database,
//     package storage/memstore in memory. Package storage/storagetest checks
//     any other.
//   - A [Filter] selects entries, a [Query] puts them in order, a [Reader]
//     answers it: a Trail, or a part of one ([Trail.Scope]). [ParseFilter] and
//     [Filter.Values] are its form in a URL.
//   - Package access says who may see what: its Reader scopes and masks, for page,
//     exports, live feed and your own code.
//   - Package export writes what a query selects to a file.
//
// The root package imports no ORM and no driver.
package audit
