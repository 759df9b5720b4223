// Package search reads the language of the search box: words, and qualifiers as on code
// hosts.
//
//	actor:alice action:update,destroy -ip:10.0.0.0/8 type:"API Key"
//	field:role since:2026-01-01 is:failure free words
//
// A word matches as audit.Filter.Keyword does: as a substring, in any case. An entry must
// have all words. A phrase in double quotes is one word. "-" before a word or a qualifier
// leaves out what it selects.
//
// A qualifier takes one or more values, separated by commas. An entry needs one of them, or
// one of the values of the same qualifier given again. Put a value in double quotes if it
// contains a space or a comma, or begins with a quote; inside, \" is a quote and \\ a
// backslash. "" is the empty value.
//
//	actor, by    the user as the page shows it (audit.Actor.User), or the actor's ID
//	user, email  the user alone                 → Filter.Users
//	behalf, on_behalf_of
//	             whom the actor stood in for    → Filter.OnBehalfOf
//	actor_type   user, apiKey, service, …       → Filter.ActorTypes
//	action       its name or label              → Filter.Actions
//	type, object the object's type: its name
//	             or label                       → Filter.ObjectTypes
//	record, id   the object's ID                → Filter.ObjectIDs
//	is, outcome  success, failure or denied     → Filter.Outcomes
//	             read: the action only reads (-is:read → Filter.WithoutReads)
//	severity     info, notice, warning or alarm → Filter.Severities
//	product, tenant, project, field, ip, request, transaction
//	created, date, since, until, after, before
//	             when (below)
//
// Qualifiers returns the same list, for help and completion. Values are compared exactly,
// as in audit.Filter. Labels, outcomes, severities and the qualifiers themselves are read in
// any case.
//
// A time is a date (2026-01-31), a minute (2026-01-31T13:59) or a second
// (2026-01-31T13:59:24), with an optional zone (Z, +02:00). It means all of that day, minute
// or second: created:2026-01-31 is the whole day, after:2026-01-31 begins with the next day,
// since:2026-01-31 with that day, until:2026-01-31 ends with that day's last moment,
// before:2026-01-31 with the day before. today and yesterday are days too. created: also
// takes bounds (>=, >, <=, <) and ranges (2026-01-01..2026-01-31, where * is an open end).
// 24h, 7d and the like (m, h, d, w) count back from now: created:7d is the last seven days.
// An entry must meet all qualifiers of time.
//
// An unknown qualifier is an error and not a word, because a typing error must not look like
// an empty result. Put text with a colon in quotes to search for it: "http://x".
package search
