package hooks

// SetMaxRowBytes sets the bound of the rows in memory and returns what sets it back.
func SetMaxRowBytes(n int) (restore func()) {
	was := maxRowBytes
	maxRowBytes = n
	return func() { maxRowBytes = was }
}
