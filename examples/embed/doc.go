// Package embed shows how the trail is added to an application that has GORM
// and net/http already. The README's code is a part of its tests.
package embed
