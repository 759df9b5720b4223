package judge_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// A row that was written behind the trail's back is found missing.
func Example() {
	ctx := context.Background()
	db, err := dbtest.Open("sqlite")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	if _, err := db.SQL.Exec(`CREATE TABLE users (id integer PRIMARY KEY, name text)`); err != nil {
		panic(err)
	}
	j, err := judge.New(ctx, db.SQL, db.Dialect())
	if err != nil {
		panic(err)
	}
	if err := j.Watch(ctx, &judge.Table{Name: "users"}); err != nil {
		panic(err)
	}
	if _, err := db.SQL.Exec(`INSERT INTO users VALUES (7, 'Ann')`); err != nil {
		panic(err)
	}
	steps, err := j.Steps(ctx, 0)
	if err != nil {
		panic(err)
	}
	for _, wrong := range judge.Compare(judge.Expect(steps), nil) {
		sentence, _, _ := strings.Cut(wrong, " (transaction")
		fmt.Println(sentence)
	}
	// Output: MISSING: create users "7" {+id=7, +name="Ann"}
}
