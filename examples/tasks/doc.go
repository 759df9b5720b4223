// Package tasks holds the code of docs/tasks.md: what applications do with an
// audit log beside mounting it.
package tasks
