package capture

func writer() bool { return false }
