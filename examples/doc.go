// Package examples holds runnable programs, one story each.
package examples
