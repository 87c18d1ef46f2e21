package directory_test

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/directory"
	"cis/internal/tlstest"
)

func TestConnectionsAreSecuredByTheAuthorityThatIsTrusted(t *testing.T) {
	s := serve(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "d.db"))
	t.Cleanup(s.Stop)
	authority, other := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	ldaps := "ldaps://" + tlstest.Front(t, s.Addr(), authority.Server())
	upgraded := "ldap://" + tlstest.StartTLSFront(t, s.Addr(), authority.Server())
	for name, test := range map[string]struct {
		url      string
		startTLS bool
		trusted  *tlstest.Authority
		says     string // "" where it works
	}{
		"LDAPS":                             {ldaps, false, authority, ""},
		"StartTLS":                          {upgraded, true, authority, ""},
		"LDAPS of another authority":        {ldaps, false, other, "certificate signed by unknown authority"},
		"StartTLS of another authority":     {upgraded, true, other, "certificate signed by unknown authority"},
		"no TLS where the server wants it":  {upgraded, false, authority, "binding to"},
		"StartTLS that the server has not":  {"ldap://" + s.Addr(), true, authority, "changing to TLS with ldap://"},
		"LDAPS at a server that has no TLS": {"ldaps://" + s.Addr(), false, authority, "connecting to ldaps://"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, s.Addr(), func(c *directory.Config) {
				c.URL, c.StartTLS, c.TLS = test.url, test.startTLS, &tls.Config{RootCAs: test.trusted.Pool()}
			})
			err := d.Ping(context.Background())
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}
