// Package page shows how the trail's page is mounted, guarded and dressed. The
// code in docs/viewer.md is a part of its tests.
package page
