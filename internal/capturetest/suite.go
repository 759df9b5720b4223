package capturetest

import "testing"

// parts are the named cases by their subjects.
var parts = []struct {
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
	{"ColumnsNamedLikeAliases", testColumnsNamedLikeAliases},
	{"ColumnsNamedLikeAliasesWithoutKey", testColumnsNamedLikeAliasesWithoutKey},
	{"KeysNamedLikeAliases", testKeysNamedLikeAliases},
	{"CascadesRacedByInserts", testCascadesRacedByInserts},
	{"CommentsInConditions", testCommentsInConditions},
	{"CommentsInOtherPlaces", testCommentsInOtherPlaces},
	{"Backslashes", testBackslashes},
	{"Hints", testHints},
	{"TrailingHints", testTrailingHints},
	{"Deployments", testDeployments},
	{"DeploymentsDuringATransaction", testDeploymentsDuringATransaction},
	{"DeploymentsAfterASavepoint", testDeploymentsAfterASavepoint},
	{"DeploymentsOfAKey", testDeploymentsOfAKey},
	{"DeploymentsPrepared", testDeploymentsPrepared},
	{"DeploymentsUnderLoad", testDeploymentsUnderLoad},
	{"DueRows", testDueRows},
	{"RowsThatBeginToMatch", testRowsThatBeginToMatch},
	{"ManyRows", testManyRows},
	{"JobQueues", testJobQueues},
	{"ReplacedRows", testReplacedRows},
	{"ReplacedKeys", testReplacedKeys},
	{"ReplacedMeetings", testReplacedMeetings},
	{"MeetingsWithin", testMeetingsWithin},
	{"PartialTriggers", testPartialTriggers},
	{"LoggedAmongOthers", testLoggedAmongOthers},
	{"ReturnedText", testReturnedText},
	{"PartialStatements", testPartialStatements},
	{"Tenants", testTenants},
	{"TenantsDistinct", testTenantsDistinct},
	{"TenantsLeaveEachOtherAlone", testTenantsLeaveEachOtherAlone},
	{"TenantsAtOnce", testTenantsAtOnce},
	{"UpsertKeys", testUpsertKeys},
	{"UpsertMeetings", testUpsertMeetings},
	{"VolatileConditions", testVolatileConditions},
	{"VolatileOrder", testVolatileOrder},
	{"VolatileValues", testVolatileValues},
	{"InvisibleColumns", testInvisibleColumns},
	{"FloatsWithoutPlaceholders", testFloatsWithoutPlaceholders},
	{"StrangeDates", testStrangeDates},
	{"DatesInAZone", testDatesInAZone},
	{"TimestampsInAZone", testTimestampsInAZone},
	{"ColumnKinds", testColumnKinds},
	{"SystemVersioning", testSystemVersioning},
	{"NotMet", testNotMet},
	{"FoundRows", testFoundRows},
	{"JSONNull", testJSONNull},
	{"CancelledContexts", testCancelledContexts},
	{"SameRowTriggers", testSameRowTriggers},
	{"Views", testViews},
	{"Rules", testRules},
	{"ZeroValueInAZone", testZeroValueInAZone},
	{"LongRows", testLongRows},
	{"Ignore", testIgnore},
	{"Keyless", testKeyless},
}

// Cases runs the named cases, and what many writers do at once.
func Cases(t *testing.T) {
	t.Cleanup(func() { envs.close(t) })
	t.Cleanup(rowsEnvs.forget)
	for _, part := range parts {
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
