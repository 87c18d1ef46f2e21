package e2e

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/internal/tlstest"
)

func TestEveryConnectionCanBeSecured(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	authority := tlstest.NewAuthority(t)
	mutual := authority.Server()
	mutual.ClientAuth, mutual.ClientCAs, mutual.NextProtos = tls.RequireAndVerifyClientCert, authority.Pool(), []string{"h2"}
	clientCert, clientKey := authority.Files("cis")
	certFile, keyFile := authority.Files("first")
	p := s.prepare("serve", map[string]any{
		"environment": "testing", "tokens.audience": "api.dev.sso.allizom.org", "drain-delay": "0s",
		"temporal.address": tlstest.Front(t, s.dev.temporal, mutual), "temporal.tls.ca-file": authority.File,
		"temporal.tls.cert-file": clientCert, "temporal.tls.key-file": clientKey,
		"directory.url": "ldaps://" + tlstest.Front(t, s.dev.ldap, authority.Server()), "directory.ca-file": authority.File,
		"api.tls.cert-file": certFile, "api.tls.key-file": keyFile,
	})
	p.start()

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, DisableKeepAlives: true}}
	request, err := http.NewRequest(http.MethodPost, "https://"+p.api+"/v2/user", bytes.NewReader(p.newcomer(ada)))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+p.token())
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", text)
	require.Equal(t, "first", response.TLS.PeerCertificates[0].Subject.CommonName)
	require.Eventually(t, func() bool { return p.entry(ada) != nil }, 20*time.Second, 50*time.Millisecond)

	authority.Issue("second", certFile, keyFile)
	require.Eventually(t, func() bool {
		response, err := client.Get("https://" + p.api + "/v2/version")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.TLS.PeerCertificates[0].Subject.CommonName == "second"
	}, 10*time.Second, 100*time.Millisecond, "a certificate that is replaced is used without a restart")

	strict := tlstest.Front(t, s.dev.temporal, mutual)
	refused := s.prepare("serve", map[string]any{"temporal.address": strict, "temporal.tls.ca-file": authority.File})
	refused.launch()
	refused.awaitPart("temporal", "unavailable")
}
