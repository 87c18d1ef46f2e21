package temporal

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
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
	// CodecEndpoint is the URL below which the UI's page finds /decode and
	// /encode; "" for none.
	CodecEndpoint string
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

// reserveMany finds n different free ports on loopback, below those that the
// kernel gives to outgoing connections: one of those could take a port before
// the server does.
func reserveMany(n int) ([]address, error) {
	const lowest, number, tries = 20000, 12000, 1000
	var found []address
	for range tries {
		if len(found) == n {
			return found, nil
		}
		a, err := reserve(net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(number))))
		if err == nil && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	return nil, errors.New("no free ports on loopback")
}
