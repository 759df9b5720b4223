package capturetest

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"
)

// Parked is deleted by a time, and not deleted at another one, which the database
// takes in the session's zone.
type Parked struct {
	ID        uint
	Title     string
	DeletedAt gorm.DeletedAt `gorm:"not null;default:'1970-01-02 00:00:01';zeroValue:1970-01-02 00:00:01"`
}

// TableName implements schema.Tabler.
func (Parked) TableName() string { return "parked" }

// testZeroValueInAZone: gorm.DeletedAt with zeroValue, in a session whose zone isn't
// UTC.
func testZeroValueInAZone(t *testing.T) {
	zones := map[string]map[string][]string{
		"sqlite":   {"UTC": nil, "east": nil},
		"postgres": {"UTC": nil, "east": {"TimeZone=UTC", "TimeZone=Asia/Tokyo"}, "west": {"TimeZone=UTC", "TimeZone=America/Los_Angeles"}, "half": {"TimeZone=UTC", "TimeZone=Asia/Kolkata"}},
		"mariadb": {"UTC": nil, "east": {"loc=UTC", "loc=Asia%2FTokyo", "time_zone=%27%2B00:00%27", "time_zone=%27%2B09:00%27"},
			"the session's": {"time_zone=%27%2B00:00%27", "time_zone=%27-08:00%27"}},
	}
	types := map[string][]string{"sqlite": {"datetime"}, "postgres": {"timestamptz", "timestamp"}, "mariadb": {"datetime(3)", "timestamp(3)"}}
	for _, name := range keysOf(zones) {
		if !runsOn(name) {
			continue
		}
		for _, zone := range keysOf(zones[name]) {
			for _, kind := range types[name] {
				t.Run(zone+", "+kind+"/"+name, func(t *testing.T) {
					e := rowsEnvFor(t, name)
					if replace := zones[name][zone]; replace != nil {
						e = withDSN(t, name, replace...)
					}
					parkedCase(kind, zone).runOn(t, e)
				})
			}
		}
	}
}

func parkedCase(kind, zone string) rowCase {
	return rowCase{tables: []string{"parked"}, ddl: func(e *env) []string {
		e.freshConnections()
		return []string{"CREATE TABLE parked (id integer PRIMARY KEY, title varchar(20), deleted_at " + kind + " NOT NULL DEFAULT '1970-01-02 00:00:01')"}
	}, parts: true, run: func(e *env, db *gorm.DB) {
		if zone == "east" {
			db = db.Session(&gorm.Session{NowFunc: func() time.Time { return at(1).In(time.FixedZone("", 9*60*60)) }})
		}
		e.see(db.Create(&[]Parked{{ID: 1, Title: "a"}, {ID: 2, Title: "b"}}))
		e.see(db.Model(&Parked{ID: 1}).Update("title", "x"))
		e.see(db.Delete(&Parked{ID: 1}))
		e.see(db.Delete(&Parked{ID: 1})) // as it is
		e.see(db.Unscoped().Model(&Parked{ID: 1}).Update("title", "y"))
		e.see(db.Unscoped().Model(&Parked{ID: 1}).Update("deleted_at", gorm.Expr("'1970-01-02 00:00:01'")))
		e.see(db.Where("id > ?", 0).Delete(&Parked{}))
		e.see(db.Unscoped().Delete(&Parked{ID: 2}))
	}, after: func(e *env) {
		var told []string
		for _, x := range e.entries {
			told = append(told, x.Action+" "+x.Object.ID)
		}
		want := []string{"create 1", "create 2", "update 1", "destroy 1", "update 1", "restore 1", "destroy 1", "destroy 2", "destroy 2"}
		e.want(fmt.Sprint(told) == fmt.Sprint(want), "the entries are\n\t%v, they should be\n\t%v", told, want)
	}}
}
