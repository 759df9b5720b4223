package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/gormtrail/audit"
)

// printNewest shows the newest entries as a table.
func printNewest(ctx context.Context, w io.Writer, trail *audit.Trail, most int) error {
	page, err := trail.Query(ctx, audit.Query{Limit: most})
	if err != nil {
		return err
	}
	const atMost = 100_000
	n, more, err := trail.Count(ctx, audit.Filter{}, atMost)
	if err != nil {
		return err
	}
	total := fmt.Sprint(n)
	if more {
		total = fmt.Sprintf("more than %d", atMost)
	}
	fmt.Fprintf(w, "The newest %d of %s entries on the trail, times in UTC:\n\n", len(page.Entries), total)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  TIME\tWHO\tACTION\tOBJECT\tCHANGES\tFROM")
	for _, e := range page.Entries {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n",
			e.Time.Format("2006-01-02 15:04:05"), clip(who(e), 24), outcome(e), clip(object(trail, e), 34), clip(changes(e), 52), e.Request.IP)
	}
	return t.Flush()
}

func who(e audit.Entry) string {
	switch {
	case e.Actor.User() != "":
		return e.Actor.User()
	case e.Actor.ID != "":
		return e.Actor.Type + " " + e.Actor.ID
	}
	return "-"
}

func outcome(e audit.Entry) string {
	if e.Outcome == audit.Success {
		return e.Action
	}
	return e.Action + " (" + string(e.Outcome) + ")"
}

func object(trail *audit.Trail, e audit.Entry) string {
	if e.Object.Type == "" {
		return "-"
	}
	s := trail.Catalogue().ObjectType(e.Object.Type).Label
	if e.Object.Name != "" {
		return s + " " + e.Object.Name
	}
	return s + " " + e.Object.ID
}

func changes(e audit.Entry) string {
	var parts []string
	for _, c := range e.Changes {
		if c.Field != "updated_at" { // says nothing that the entry's time doesn't
			parts = append(parts, step(c))
		}
	}
	if e.Error != "" {
		parts = append(parts, e.Error)
	}
	return strings.Join(parts, ", ")
}

func step(c audit.Change) string {
	switch c.Op {
	case audit.OpAdd:
		return c.Field + ": " + shown(c.New)
	case audit.OpRemove:
		return c.Field + ": " + shown(c.Old) + " -> (gone)"
	}
	return c.Field + ": " + shown(c.Old) + " -> " + shown(c.New)
}

// shown tells NULL from the text "NULL", and "" from nothing.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		if v == audit.Mask {
			return v
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// printHistory shows what happened to one record, and its latest change field by
// field.
func printHistory(ctx context.Context, w io.Writer, trail *audit.Trail, objectType, id string) error {
	q := audit.Query{Filter: audit.Filter{ObjectTypes: []string{objectType}, ObjectIDs: []string{id}}, Limit: 10}
	page, err := trail.Query(ctx, q)
	if err != nil || len(page.Entries) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nOne record's history, newest first: %s\n\n", object(trail, page.Entries[0]))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  TIME\tWHO\tACTION\tFIELD\tBEFORE\tAFTER")
	for _, e := range page.Entries {
		lead := fmt.Sprintf("  %s\t%s\t%s", e.Time.Format("2006-01-02 15:04:05"), clip(who(e), 24), outcome(e))
		if e.Action == audit.ActionCreate {
			fmt.Fprintf(t, "%s\t(%d fields)\t\t\n", lead, len(e.Changes))
			continue
		}
		for _, c := range e.Changes {
			before, after := shown(c.Old), shown(c.New)
			if c.Op == audit.OpAdd {
				before = "-"
			}
			if c.Op == audit.OpRemove {
				after = "-"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", lead, c.Field, clip(before, 40), clip(after, 40))
			lead = "  \t\t"
		}
	}
	return t.Flush()
}
