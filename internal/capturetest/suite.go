package capturetest

import "testing"

// Cases runs the named cases, and what many writers do at once.
func Cases(t *testing.T) {
	t.Cleanup(func() { envs.close(t) })
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Associations", testAssociations},
		{"Calling", testCalling},
		{"Cascades", testCascades},
		{"CascadesOfOtherTables", testCascadesOfOtherTables},
		{"CascadesPastTheBudget", testCascadesPastTheBudget},
		{"CascadesOfASchema", testCascadesOfASchema},
		{"CascadesAreOff", testCascadesAreOff},
		{"Create", testCreate},
		{"Upsert", testUpsert},
		{"Update", testUpdate},
		{"Delete", testDelete},
		{"RawSQL", testRawSQL},
		{"Transactions", testTransactions},
		{"HostNoticesNothing", testHostNoticesNothing},
		{"Concurrency", testConcurrency},
		{"RacingUpserts", testRacingUpserts},
		{"NoNewDeadlocks", testNoNewDeadlocks},
	} {
		t.Run(part.name, part.run)
	}
}

// Crashes kills programs that write. The test that calls it is run again, as
// the program that is killed.
func Crashes(t *testing.T) {
	if writer() {
		return
	}
	testCrash(t)
}
