package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
)

// nextPorts is how many ports are tried after a busy one.
const nextPorts = 20

// listen opens the address or, where another program has its port, the next
// free one, and says so on w.
func listen(address string, w io.Writer) (net.Listener, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("-addr %s is no address with a port, such as 127.0.0.1:8080", address)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return nil, fmt.Errorf("-addr %s: %q is no port", address, portText)
	}
	for next := port; next <= min(port+nextPorts, 65535); next++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(next)))
		if err == nil {
			if next != port {
				fmt.Fprintf(w, "\nPort %d is taken by another program; using %d instead.\n", port, next)
			}
			return l, nil
		}
		if !busy(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("ports %d to %d are all taken; choose another with -addr", port, min(port+nextPorts, 65535))
}

// busy also knows Windows' number for it, WSAEADDRINUSE.
func busy(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && (number == syscall.EADDRINUSE || number == 10048)
}

// loopback reports whether only this machine can reach the listener.
func loopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}
