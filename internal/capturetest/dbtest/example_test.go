package dbtest_test

import (
	"fmt"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

func ExampleOpen() {
	db, err := dbtest.Open("sqlite")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	var n int
	err = db.SQL.QueryRow(`SELECT 6 * 7`).Scan(&n)
	fmt.Println(db.Name, n, err)
	// Output: sqlite 42 <nil>
}
