// Package freeport finds ports for servers that tests start, stop and start
// again.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given are the addresses that Address has given away.
var given sync.Map

// Address finds a free port on loopback, host:port, below those that the kernel
// gives to outgoing connections, one of which could take it before the server
// does, or while it is down.
func Address(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000))
		if _, taken := given.LoadOrStore(address, true); taken {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = listener.Close()
		return address
	}
	t.Fatal("no free port")
	return ""
}
