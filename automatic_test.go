package audit_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
)

func TestAutomaticFields(t *testing.T) {
	c := audit.NewCatalogue(nil, nil)
	c.SetAutomatic("invoices", "synced_at")
	c.SetAutomatic("", "etag")
	for _, none := range []*audit.Catalogue{nil, audit.NewCatalogue(nil, nil)} {
		assert.False(t, none.Automatic("invoices", "synced_at"))
	}
	for field, want := range map[string]bool{
		"created_at": true, "updated_at": true, "createdAt": true, "UpdatedAt": true, "UPDATED_AT": true, "updated-at": true,
		"modified_at": true, "last_modified": true, "lastModifiedDate": true, "date_updated": true, "gmt_modified": true, "lock_version": true,
		"deleted_at": false, "updated_by": false, "created": false, "version": false, "name": false, "": false,
		"paid_at": false, "created_at_desk": false,
		// The application's own data in a structured value.
		"profile.updated_at": false, "tags[2].createdAt": false, "updated_at.zone": false,
		"SyncedAt": true, "eTag": true,
	} {
		assert.Equal(t, want, c.Automatic("invoices", field), field)
	}
	assert.False(t, c.Automatic("orders", "synced_at"), "of invoices only")
	assert.True(t, c.Automatic("orders", "etag"), "of all types")
}

func TestAutomaticFieldsAreSetWhileTheyAreAskedFor(t *testing.T) {
	c := audit.NewCatalogue(nil, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c.SetAutomatic("t", fmt.Sprint("f", i))
			c.Automatic("t", "f0")
		})
	}
	wg.Wait()
	for i := range 20 {
		assert.True(t, c.Automatic("t", fmt.Sprint("f", i)))
	}
}

func ExampleCatalogue_Automatic() {
	catalogue := audit.NewCatalogue(nil, nil)
	catalogue.SetAutomatic("invoices", "synced_at")
	for _, field := range []string{"updated_at", "lastModified", "synced_at", "total"} {
		fmt.Println(field, catalogue.Automatic("invoices", field))
	}
	// Output:
	// updated_at true
	// lastModified true
	// synced_at true
	// total false
}
