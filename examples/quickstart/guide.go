package main

import "strings"

// guide says what there is to try. It stands behind the application's "/" too.
func guide(address, actor string) string {
	return strings.NewReplacer("$URL", "http://"+address, "$ACTOR", actor, "$OPERATOR", operator).Replace(`
The quickstart's application, and its audit trail, at $URL

Change something, as somebody (X-Actor, or ?as=; without either you are $ACTOR):

  curl -X POST   -H 'X-Actor: ada@acme.example' -d '{"name":"Apollo","budget_cents":500000}' $URL/api/projects
  curl -X PATCH  -H 'X-Actor: ben@acme.example' -H 'X-Comment: more traffic' -d '{"settings":{"replicas":5}}' $URL/api/projects/1
  curl -X DELETE -H 'X-Actor: ada@acme.example' $URL/api/projects/2
  curl -X POST   -H 'X-Actor: ada@acme.example' $URL/api/projects/2/restore
  curl -X DELETE -H 'X-Actor: cleo@acme.example' $URL/api/projects/1      (a member: denied, and on the trail)
  curl -X POST   -d '{"email":"ada@acme.example","password":"wrong"}' $URL/login

See who did it, in a browser (?as=ada@acme.example changes who you are there):

  $URL/audit

and from a program:

  curl '$URL/api/audit/entries?limit=3'
  curl '$URL/api/audit/entries?user=ada@acme.example&action=destroy&range=24h'
  curl '$URL/api/audit/entries?type=projects&record=1&as=ada@acme.example'  (an owner sees only her organization)
  curl '$URL/api/audit/facets'

Take it with you:

  curl -OJ '$URL/api/audit/export?format=csv&range=30d'

or let the page prepare a large file in the background ("Prepare in the background"), and fetch it when it is ready:

  $URL/audit?jobs=list

The records are organizations, users, api_keys, security_groups and projects: GET and POST /api/projects,
GET, PATCH and DELETE /api/projects/1. Every password is "correct horse".
`)
}
