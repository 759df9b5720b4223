package audit_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// logged is a trail and what its logger was told.
func logged(t *testing.T, opts audit.Options) (*audit.Trail, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	trail, err := audit.New(memstore.New(), &opts)
	require.NoError(t, err)
	return trail, &log
}

func TestRequireActorRefuses(t *testing.T) {
	trail, log := logged(t, audit.Options{RequireActor: audit.ActorRefuse})
	named := audit.Entry{Action: "login", Actor: audit.Actor{Type: "visitor"}}
	err := trail.Record(t.Context(), named, audit.Entry{Action: "login"})
	require.ErrorIs(t, err, audit.ErrNoActor)
	require.ErrorIs(t, err, audit.ErrInvalidEntry)
	var entry *audit.EntryError
	require.ErrorAs(t, err, &entry)
	require.Equal(t, 1, entry.Index)
	require.Equal(t, "actor", entry.Field)
	require.ErrorIs(t, trail.EnrichCaptured(t.Context(), []audit.Entry{{Action: "create"}}), audit.ErrNoActor)

	require.NoError(t, trail.Record(t.Context(), named), "an entry's own actor is enough")
	require.NoError(t, trail.Record(audit.WithActor(t.Context(), audit.Actor{ID: "7"}), audit.Entry{Action: "login"}))
	page, err := trail.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2, "nothing of the refused call")
	require.Empty(t, log.String())

	_, err = audit.New(memstore.New(), &audit.Options{RequireActor: 3})
	require.ErrorContains(t, err, "RequireActor")
}

func TestDefaultActorIsForContextsWithoutOne(t *testing.T) {
	job := audit.Actor{Type: "service", Name: "nightly"}
	trail, log := logged(t, audit.Options{RequireActor: audit.ActorRefuse, DefaultActor: job})
	captured := []audit.Entry{{Action: "create"}}
	require.NoError(t, trail.EnrichCaptured(t.Context(), captured))
	require.Equal(t, job, captured[0].Actor)
	ada := audit.Actor{Type: "user", Name: "Ada"}
	ready, err := trail.Enrich(audit.WithActor(t.Context(), ada), audit.Entry{Action: "a"}, audit.Entry{Action: "b", Actor: audit.Actor{ID: "8"}})
	require.NoError(t, err)
	require.Equal(t, []audit.Actor{ada, {ID: "8"}}, []audit.Actor{ready[0].Actor, ready[1].Actor})
	for range 600 {
		_, err = trail.Enrich(t.Context(), audit.Entry{Action: "a"})
		require.NoError(t, err)
	}
	require.Empty(t, log.String(), "the default isn't a missing actor")
}

func TestActorWarningsNameEachPlaceOnce(t *testing.T) {
	trail, log := logged(t, audit.Options{RequireActor: audit.ActorWarn})
	for range 3 {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "first"}, audit.Entry{Action: "second"}))
		require.NoError(t, trail.EnrichCaptured(t.Context(), []audit.Entry{{Action: "third"}}))
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "fourth", Actor: audit.Actor{ID: "7"}}))
	}
	require.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())
	for _, text := range []string{"require_actor_test.go:", "action=first", "action=third", "docs/capture.md#"} {
		require.Contains(t, log.String(), text)
	}
	require.NotContains(t, log.String(), "second")
}

// TestActorWarningsAreBounded: each line that writes is a place.
func TestActorWarningsAreBounded(t *testing.T) {
	trail, log := logged(t, audit.Options{RequireActor: audit.ActorWarn})
	write := trail.EnrichCaptured
	for range 2 {
		for _, err := range []error{
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
			write(t.Context(), logins(1)),
		} {
			require.NoError(t, err)
		}
	}
	require.Equal(t, 20, strings.Count(log.String(), "\n"), log.String())
	require.Equal(t, 1, strings.Count(log.String(), "no further places"))
}

func TestManyEntriesWithoutAnActorAreReportedOnce(t *testing.T) {
	ada := audit.WithActor(t.Context(), audit.Actor{Name: "Ada"})
	for _, c := range []struct {
		known, unknown int // entries of each, in turn
		reported       bool
	}{{0, 1, true}, {1, 1, true}, {6, 5, false}, {1, 0, false}} {
		trail, log := logged(t, audit.Options{})
		n := 0
		for n < 3000 {
			_, err := trail.Enrich(ada, logins(c.known)...)
			require.NoError(t, err)
			require.NoError(t, trail.EnrichCaptured(t.Context(), logins(c.unknown)))
			n += c.known + c.unknown
		}
		if !c.reported {
			require.Empty(t, log.String())
			continue
		}
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
		require.Contains(t, log.String(), "500 of the first 1000 entries have no actor")
		require.Contains(t, log.String(), "docs/capture.md#get-the-actor-into-the-context")
	}
	guide, err := os.ReadFile("docs/capture.md")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(guide), "\n## Get the actor into the context\n"), "the guide lacks the section")
}

func logins(n int) []audit.Entry {
	list := make([]audit.Entry, n)
	for i := range list {
		list[i].Action = "login"
	}
	return list
}
