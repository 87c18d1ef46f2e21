package ldapd

import (
	"io"
	"net"
	"sync"
)

// front takes the clients' connections and passes them on to the LDAP library,
// which waits at its end until every client has gone and offers no way to send
// them away: the front can.
type front struct {
	listener net.Listener
	behind   string

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
	ended  sync.WaitGroup
}

func newFront(addr string) (*front, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &front{listener: listener, open: map[net.Conn]bool{}}, nil
}

// serve passes connections on to the address behind, until close.
func (f *front) serve(behind string) {
	f.behind = behind
	f.ended.Go(func() {
		for {
			client, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.ended.Go(func() { f.pass(client) })
		}
	})
}

func (f *front) pass(client net.Conn) {
	defer f.drop(client)
	if !f.keep(client) {
		return
	}
	server, err := net.Dial("tcp", f.behind)
	if err != nil {
		return
	}
	defer f.drop(server)
	if !f.keep(server) {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.Close() // either side's end is the other's
		})
	}
	both.Wait()
}

// keep remembers a connection to be closed at the end, unless that has come.
func (f *front) keep(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[c] = true
	return !f.closed
}

func (f *front) drop(c net.Conn) {
	_ = c.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, c)
}

// close ends every connection and returns when all have ended.
func (f *front) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	f.closed = true
	for c := range f.open {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.ended.Wait()
}
