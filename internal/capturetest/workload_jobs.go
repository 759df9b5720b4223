package capturetest

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// Job is a row of a queue.
type Job struct {
	ID     int64
	Status string
	Worker int
}

var queue = world{
	create: func(database string) []string {
		return []string{map[string]string{
			"sqlite":   `CREATE TABLE jobs (id integer PRIMARY KEY, status text, worker integer NOT NULL DEFAULT 0)`,
			"postgres": `CREATE TABLE jobs (id bigserial PRIMARY KEY, status text, worker bigint NOT NULL DEFAULT 0)`,
			"mariadb":  `CREATE TABLE jobs (id bigint PRIMARY KEY AUTO_INCREMENT, status varchar(20), worker bigint NOT NULL DEFAULT 0, KEY (status))`,
		}[database]}
	},
	tables: func(string) []judge.Table { return []judge.Table{{Name: "jobs"}} },
	rows: func(string) []string {
		return []string{`INSERT INTO jobs (id, status) VALUES (1, 'done'), (2, 'new'), (3, 'new'), (4, 'new'), (5, 'new')`}
	},
}

// next are the ways in which hosts take the next jobs of a queue.
var next = map[string][]string{
	"sqlite": {"id = (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 1)", "id IN (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 2)"},
	"postgres": {"id = (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)",
		"id IN (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)",
		"id = ANY (ARRAY(SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED))"},
	"mariadb": {"id = (SELECT id FROM (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) q)",
		"id IN (SELECT id FROM (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED) q)"},
}

// jobs are queues in one table, one worker at a time; testJobQueue has many.
func jobs() *workload {
	return &workload{name: "jobs", world: queue, share: 4, parts: []part{
		{name: "take", draw: func(t *rapid.T, database string) op {
			return drawJob(t, rapid.SampledFrom(next[database]).Draw(t, "where"))
		}},
		{name: "take by order", only: []string{"mariadb"}, draw: func(t *rapid.T, _ string) op { return drawJob(t, "") }},
	}}
}

func drawJob(t *rapid.T, where string) op {
	way := rapid.SampledFrom([]string{"add", "take", "take", "take by a model", "returning", "finish", "remove"}).Draw(t, "way")
	worker := rapid.IntRange(1, 3).Draw(t, "worker")
	return op{fmt.Sprintf("%s a job by %d where %q", way, worker, where), func(h *host, db *gorm.DB) {
		matched := func(tx *gorm.DB) *gorm.DB {
			if where == "" {
				return tx.Where("status = ?", "new").Order("id").Limit(1)
			}
			return tx.Where(where)
		}
		set := map[string]any{"status": "taken", "worker": worker}
		switch way {
		case "add":
			j := Job{Status: "new"}
			h.see(way, db.Create(&j), j)
		case "take":
			h.see(way, matched(db.Table("jobs")).Updates(set))
		case "take by a model":
			h.see(way, matched(db.Model(&Job{})).Updates(Job{Status: "taken", Worker: worker}))
		case "returning":
			var list []Job
			tx := matched(db.Model(&list))
			if db.Dialector.Name() != "mysql" {
				tx = tx.Clauses(clause.Returning{})
			}
			h.see(way, tx.Updates(set), list)
		case "finish":
			h.see(way, db.Where("status = ? AND worker = ?", "taken", worker).Delete(&Job{}))
		default:
			h.see(way, matched(db.Table("jobs")).Delete(nil))
		}
	}}
}
