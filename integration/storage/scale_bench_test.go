package storage

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

const sizesVariable = "AUDIT_STORAGE_SIZES"

func sizes(b testing.TB) []int {
	list := os.Getenv(sizesVariable)
	if list == "" {
		list = "100000"
	}
	var sizes []int
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			b.Fatalf("%s: %q is no number of entries", sizesVariable, s)
		}
		sizes = append(sizes, n)
	}
	return sizes
}

func BenchmarkScale(b *testing.B) {
	for _, s := range servers[:2] {
		b.Run(s.name, func(b *testing.B) {
			for _, n := range sizes(b) {
				_, _ = trailOf(b, s.name, n)
			}
		})
	}
}
