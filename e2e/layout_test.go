package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers says which of CIS's own packages each package may import. What is not
// named here may be imported by nobody but commands and tests.
var layers = map[string][]string{
	"cis/change":     {},
	"cis/schema":     {},
	"cis/profile":    {},
	"cis/signing":    {"cis/profile"},
	"cis/vault":      {},
	"cis/directory":  {"cis/change", "cis/profile"},
	"cis/webhook":    {"cis/change"},
	"cis/payload":    {},
	"cis/activities": {"cis/change", "cis/schema", "cis/profile", "cis/signing", "cis/vault", "cis/directory", "cis/webhook", "cis/logs", "cis/metrics", "cis/tracing"},
	"cis/workflows":  {"cis/change", "cis/profile", "cis/payload", "cis/activities", "cis/logs", "cis/metrics"},
	"cis/worker":     {"cis/activities", "cis/workflows"},
	"cis/api":        {"cis/change", "cis/health", "cis/logs", "cis/metrics", "cis/profile", "cis/payload", "cis/tracing", "cis/vault", "cis/workflows"},

	"cis/health":   {},
	"cis/logs":     {},
	"cis/metrics":  {"cis/vault"},
	"cis/tracing":  {},
	"cis/tlsfiles": {},
	"cis/config":   {"cis/payload", "cis/profile", "cis/schema", "cis/signing", "cis/tlsfiles", "cis/webhook"},
	"cis/service": {"cis/activities", "cis/api", "cis/change", "cis/config", "cis/directory", "cis/health", "cis/logs", "cis/metrics",
		"cis/payload", "cis/payload/awskms", "cis/profile", "cis/schema", "cis/signing", "cis/tlsfiles", "cis/tracing", "cis/vault", "cis/vault/dynamo", "cis/vault/sqlite",
		"cis/webhook", "cis/worker", "cis/workflows"},

	"cis/vault/dynamo":    {"cis/vault"},
	"cis/vault/sqlite":    {"cis/vault"},
	"cis/vault/vaulttest": {"cis/vault"},
	"cis/payload/awskms":  {"cis/payload"},

	"cis/cmd/cis-dev/temporal": {},
	"cis/cmd/cis-dev/issuer":   {},
	"cis/cmd/cis-dev/ldapd":    {},
}

// pure packages do no I/O of their own and know no framework.
var pure = map[string][]string{
	"cis/profile": {"go.temporal.io/", "github.com/gin-gonic/", "github.com/aws/", "net/http", "database/sql"},
	"cis/signing": {"go.temporal.io/", "github.com/gin-gonic/", "github.com/aws/", "database/sql"},
	"cis/change":  {"go.temporal.io/", "github.com/gin-gonic/", "github.com/aws/", "net/http", "database/sql"},
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "cis/...").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		allowed, layered := layers[words[0]]
		for _, imported := range words[1:] {
			if layered && strings.HasPrefix(imported, "cis/") {
				require.Contains(t, allowed, imported, "%s must not import %s", words[0], imported)
			}
			for _, banned := range pure[words[0]] {
				require.False(t, strings.HasPrefix(imported, banned), "%s is pure and must not import %s", words[0], imported)
			}
		}
	}
}
