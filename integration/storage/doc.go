// Package storage tests package gormstore on PostgreSQL and MariaDB, and its
// queries' plans on every database. The servers are those of the environment
// variables AUDIT_POSTGRES and AUDIT_MYSQL; see the constants.
package storage
