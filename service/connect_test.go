package service_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"cis/config"
	"cis/internal/tlstest"
	"cis/service"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// frontend is a server that takes TLS and gRPC as Temporal's does, and refuses
// every call by telling the Authorization header that came with it.
func frontend(t *testing.T, secured *tls.Config) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(secured)), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		sent, _ := metadata.FromIncomingContext(stream.Context())
		return status.Errorf(codes.PermissionDenied, "came with %q", sent.Get("authorization"))
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// answer is what a call to a frontend ends with.
func answer(t *testing.T, c config.Temporal) error {
	temporal, err := service.Temporal(&config.Config{Temporal: c}, nil, quiet, service.Watch{})
	require.NoError(t, err)
	defer temporal.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err = temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

func TestTemporalIsReachedByTheCertificatesAndKeysThatAreGiven(t *testing.T) {
	authority, other := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	mutual := authority.Server()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool()
	strict, open := frontend(t, mutual), frontend(t, authority.Server())
	pair := func(a *tlstest.Authority) config.KeyPair {
		certFile, keyFile := a.Files("cis")
		return config.KeyPair{CertFile: certFile, KeyFile: keyFile}
	}
	trusting := config.TemporalTLS{CAFile: authority.File}
	for name, test := range map[string]struct {
		config config.Temporal
		says   string // "" where the call must not come through, for whatever the system then says
	}{
		"an API key":                          {config.Temporal{Address: open, APIKey: config.NewSecret("hush"), TLS: trusting}, `came with ["Bearer hush"]`},
		"no API key":                          {config.Temporal{Address: open, TLS: trusting}, "came with []"},
		"another authority than the server's": {config.Temporal{Address: open, TLS: config.TemporalTLS{CAFile: other.File}}, "unknown authority"},
		"only the system's authorities":       {config.Temporal{Address: open, TLS: config.TemporalTLS{Enabled: true}}, "unknown authority"},
		"another server name":                 {config.Temporal{Address: open, TLS: config.TemporalTLS{CAFile: authority.File, ServerName: "temporal.example.org"}}, "temporal.example.org"},
		"a server name that it has":           {config.Temporal{Address: open, TLS: config.TemporalTLS{CAFile: authority.File, ServerName: "localhost"}}, "came with []"},
		"a certificate":                       {config.Temporal{Address: strict, TLS: config.TemporalTLS{CAFile: authority.File, KeyPair: pair(authority)}}, "came with []"},
		"no certificate where one is asked":   {config.Temporal{Address: strict, TLS: trusting}, ""},
		"another authority's certificate":     {config.Temporal{Address: strict, TLS: config.TemporalTLS{CAFile: authority.File, KeyPair: pair(other)}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Namespace = "default"
			err := answer(t, test.config)
			if test.says == "" {
				require.Error(t, err)
				require.NotContains(t, err.Error(), "came with")
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}
