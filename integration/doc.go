// Package integration holds the tests that need more than Go: database
// servers, a browser, other programs that read what the library writes. It is a
// module of its own, so that who imports the library gets none of its drivers.
package integration
