package temporal

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
)

// Options say where the server listens and what it keeps.
type Options struct {
	// DataFile is the SQLite file; it is created when it is not there.
	DataFile string
	// Frontend is the gRPC address, UI that of the web UI ("" for none). Port
	// 0 takes a free one.
	Frontend, UI string
	// Namespace is created with Retention and SearchAttributes. Attributes
	// that an existing one lacks are added.
	Namespace        string
	Retention        time.Duration
	SearchAttributes map[string]enumspb.IndexedValueType
	Logger           *slog.Logger
}

// address is a place to listen that was free a moment ago.
type address struct {
	ip   string
	port int
}

func (a address) String() string { return net.JoinHostPort(a.ip, strconv.Itoa(a.port)) }

// reserve finds out whether one can listen at hostport. The server opens its
// ports itself, one by one and late; asking first makes a port in use one
// clear error instead of a crash half-way.
func reserve(hostport string) (address, error) {
	listener, err := net.Listen("tcp", hostport)
	if err != nil {
		return address{}, err
	}
	defer listener.Close()
	tcp, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return address{}, fmt.Errorf("%s is not a TCP address", hostport)
	}
	return address{tcp.IP.String(), tcp.Port}, nil
}

// reserveMany finds n different free ports on loopback.
func reserveMany(n int) ([]address, error) {
	var found []address
	var open []net.Listener
	defer func() {
		for _, l := range open {
			_ = l.Close()
		}
	}()
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		open = append(open, listener)
		tcp, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, errors.New("no TCP port on loopback")
		}
		found = append(found, address{tcp.IP.String(), tcp.Port})
	}
	return found, nil
}
