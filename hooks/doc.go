// Package hooks is the GORM plugin that captures row changes.
package hooks
