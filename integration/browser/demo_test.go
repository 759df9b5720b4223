package browser

import (
	"fmt"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

var day = time.Date(2026, 10, 15, 6, 0, 0, 0, time.UTC)

func entryID(i int) string { return fmt.Sprintf("01980000-0000-7000-8000-%012d", i) }

var people = []audit.Actor{
	{Type: "user", ID: "u_1042", Name: "Mara Lindqvist", Email: "mara.lindqvist@lumen.example"},
	{Type: "user", ID: "u_1093", Name: "Hannah Weiß", Email: "hannah.weiss@lumen.example"},
	{Type: "user", ID: "u_1070", Name: "Priya Raman", Email: "priya.raman@lumen.example"},
	{Type: "apiKey", ID: "key_7f3a", Name: "ERP sync key"},
	{Type: "user", ID: "u_1088", Name: "Łukasz Nowak", Email: "lukasz.nowak@lumen.example"},
	{Type: "service", ID: "svc_billing", Name: "billing-worker"},
	{Type: "user", ID: "u_1043", Name: "Tobias Okafor", Email: "tobias.okafor@lumen.example"},
}

// one is an entry as a billing program would have it.
func one(i int) audit.Entry {
	ips := []string{"203.0.113.24", "198.51.100.14", "2001:db8:4f1::1c9", "10.20.4.18"}
	e := audit.Entry{
		ID: entryID(i), Time: day.Add(time.Duration(i*67)*time.Second + time.Duration(i%9)*113*time.Millisecond),
		Tenant: "lumen", Actor: people[i*5%len(people)], Action: audit.ActionUpdate,
		Request: audit.Request{IP: ips[i*3%4], ID: fmt.Sprintf("req_%05d", i/2), Method: "PATCH", Path: "/api/invoices",
			UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"},
		TransactionID: fmt.Sprintf("tx_%05d", i/3),
	}
	switch i % 9 {
	case 0, 4:
		e.Object = audit.Object{Type: "invoices", ID: fmt.Sprintf("INV-%d", 20400+i%60), Product: "Billing"}
		e.Changes = []audit.Change{{Field: "status", Old: "open", New: "paid"}, {Field: "paid_at", Op: audit.OpAdd, New: "2026-10-15T09:12:44Z"}}
	case 1:
		e.Object = audit.Object{Type: "customers", ID: fmt.Sprintf("CUS-%d", 3300+i%40), Name: "Fjordlys Bokhandel AS"}
		e.Changes = []audit.Change{{Field: "billing.address.city", Old: "Göteborg", New: "Malmö"}, {Field: "vat_id", Old: nil, New: "NO 987 654 321 MVA"}}
	case 2:
		e.Action, e.Object = audit.ActionCreate, audit.Object{Type: "invoices", ID: fmt.Sprintf("INV-%d", 20400+i)}
		e.Changes = []audit.Change{{Field: "number", Op: audit.OpAdd, New: fmt.Sprintf("INV-%d", 20400+i)}, {Field: "amount", Op: audit.OpAdd, New: int64(4900)}, {Field: "currency", Op: audit.OpAdd, New: "NOK"}}
	case 3:
		e.Action, e.Object = "login", audit.Object{Type: "sessions", ID: fmt.Sprintf("s_%05x", i*7919)}
		e.Outcome, e.Error = audit.Failure, "wrong one-time code"
	case 5:
		e.Action, e.Object = "login", audit.Object{Type: "sessions", ID: fmt.Sprintf("s_%05x", i*7919)}
	case 6:
		e.Object = audit.Object{Type: "api_keys", ID: fmt.Sprintf("key_%03x", i%50), Name: "Office VPN"}
		e.Changes = []audit.Change{{Field: "secret", Old: "old", New: "new"}, {Field: "scopes", Old: []any{"read"}, New: []any{"read", "write"}}}
	case 7:
		e.Object = audit.Object{Type: "subscriptions", ID: fmt.Sprintf("SUB-%d", 780+i%40)}
		e.Changes = []audit.Change{{Field: "plan", Old: "team-monthly", New: "business-yearly"}, {Field: "seats", Old: int64(12), New: int64(25)}}
	case 8:
		e.Action, e.Object = audit.ActionDestroy, audit.Object{Type: "webhooks", ID: fmt.Sprint(40 + i%12)}
		e.Changes = []audit.Change{{Field: "url", Op: audit.OpRemove, Old: "https://hooks.lumen.example/invoices"}}
	}
	return e
}

func demo(n int) []audit.Entry {
	var list []audit.Entry
	for i := range n {
		list = append(list, one(i))
	}
	return append(list, rich())
}

// rich is an entry with every kind of value.
func rich() audit.Entry {
	notes := "Ships to two addresses. The shop in Nordnes takes deliveries before 10:00 only; the café uses the back door on Strandgaten.\n" +
		"Invoices go to Sigrid Aasen, copy to the accountant.\nPayment terms: Net %s.\n" +
		"Has asked twice for a paper copy in December for the year-end audit. Call before any credit check."
	return audit.Entry{
		ID: entryID(900_000), Time: day.Add(7 * 24 * time.Hour), Tenant: "lumen", Actor: people[0], Action: audit.ActionUpdate,
		Object:  audit.Object{Type: "customers", ID: "CUS-3301", Name: "Fjordlys Bokhandel & Kafé AS"},
		Comment: "Agreed by phone with Sigrid.",
		Request: audit.Request{IP: "203.0.113.24", ID: "req_rich", Method: "PATCH", Path: "/api/customers/3301",
			UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"},
		TransactionID: "tx_rich", Metadata: map[string]any{"release": "2026.41.2", "feature": map[string]any{"flag": "terms-v2"}},
		Changes: []audit.Change{
			{Field: "name", Old: "Fjordlys Bokhandel AS", New: "Fjordlys Bokhandel & Kafé AS"},
			{Field: "billing", Old: map[string]any{"address": map[string]any{"street": "Storgata 14", "city": "Bergen"}, "vat_id": nil},
				New: map[string]any{"address": map[string]any{"street": "Storgata 41", "city": "Bergen sentrum"}, "vat_id": "NO 987 654 321 MVA"}},
			{Field: "credit_limit.amount", Old: "5000.00", New: "7500.00"},
			{Field: "newsletter", Old: true, New: false},
			{Field: "tags[2]", Op: audit.OpAdd, New: "priority"},
			{Field: "contacts[0].phone", Old: "+47 55 01 23 45", New: ""},
			{Field: "bank.token", Old: "a", New: "b"},
			{Field: "logo", Old: map[string]any{"size": int64(12400), "sha256": strings.Repeat("41d0", 16)}, New: map[string]any{"size": int64(48213), "sha256": strings.Repeat("9f2c", 16)}},
			{Field: "notes", Old: fmt.Sprintf(notes, "30"), New: fmt.Sprintf(notes, "14 from 1 November, agreed by phone with Sigrid")},
			{Field: "fax", Op: audit.OpRemove, Old: "+47 55 01 23 46"},
		},
	}
}
