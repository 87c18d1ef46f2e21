package cluster

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/internal/freeport"
)

// link is the way to a server. While it is cut nobody gets there, and whoever
// waits for an answer will never have it.
//
// DynamoDB Local needs one, since it answers before it has committed to its
// file: killed with nothing but a signal it forgets, about every third time,
// the transaction that it has acknowledged last, which DynamoDB never does. So
// the link is cut first, and what is under way there may settle. To CIS that is
// the same: a server that is gone in the middle of a request, which it may have
// carried out or not.
type link struct {
	t        *testing.T
	address  string // where clients connect to
	server   string
	listener net.Listener

	mu          sync.Mutex
	connections map[net.Conn]bool // nil while it is cut
}

// settleTime is how long a server that was cut off is left to commit what it
// has answered.
const settleTime = time.Second

func newLink(t *testing.T, server string) *link {
	l := &link{t: t, address: freeport.Address(t), server: server}
	l.join()
	t.Cleanup(l.cut)
	return l
}

// join lets connections through.
func (l *link) join() {
	listener, err := net.Listen("tcp", l.address)
	require.NoError(l.t, err)
	l.mu.Lock()
	l.listener, l.connections = listener, map[net.Conn]bool{}
	l.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(client)
		}
	}()
}

// cut ends all connections at once and takes no more.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for c := range l.connections {
		_ = c.Close()
	}
	l.connections = nil
}

// carry carries what a client and the server say to each other.
func (l *link) carry(client net.Conn) {
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		_ = client.Close()
		return
	}
	if !l.hold(client, server) {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.connections, client)
	delete(l.connections, server)
}

// hold notes connections to be ended by cut. It is false if that was before.
func (l *link) hold(both ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range both {
		if l.connections == nil {
			_ = c.Close()
			continue
		}
		l.connections[c] = true
	}
	return l.connections != nil
}
