package e2e

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.yaml.in/yaml/v3"

	"cis/internal/freeport"
	"cis/payload"
	"cis/profile"
	"cis/workflows"
)

// namespace is where cis keeps its changes in the Temporal of a cis-dev, which
// has its own in another.
const namespace = "production"

// site is what the processes of a deployment of cis share: a cis-dev's servers,
// a vault, and settings, by their names.
type site struct {
	t        *testing.T
	dev      *process
	folder   string
	settings map[string]any
	env      []string // of its processes, besides the test's
}

// newSite starts a cis-dev and makes its Temporal ready for cis.
func newSite(t *testing.T) *site {
	dev := start(t)
	s := &site{t: t, dev: dev, folder: t.TempDir()}
	s.settings = map[string]any{
		"salt": dev.salt(), "grace-period": "15s",
		"tokens.issuer":         "http://" + dev.issuer + "/",
		"publishers.well-known": []string{dev.url("/.well-known/mozilla-iam")},
		"signing.key-file":      filepath.Join(dev.data, "keys", profile.CIS+".jwk"),
		"vault.file":            filepath.Join(s.folder, "vault.db"),
		"encryption.key-file":   filepath.Join(s.folder, "payload-keys.json"),
		"temporal.address":      dev.temporal, "temporal.namespace": namespace,
		"directory.url":     "ldap://" + dev.ldap,
		"directory.bind-dn": "cn=cis,dc=cis,dc=test", "directory.base-dn": "dc=cis,dc=test", "directory.password": s.ldapPassword(),
		"directory.retries":  []string{"100ms", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"},
		"webhooks.client-id": "cis", "webhooks.client-secret": "cis-secret", "webhooks.retries": []string{"100ms", "1s", "1s", "1s", "1s"},
	}
	out, err := exec.Command(tool, "payload-keys", "create", s.settings["encryption.key-file"].(string)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = s.command("temporal", "init").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return s
}

func (s *site) ldapPassword() string {
	text, err := os.ReadFile(filepath.Join(s.dev.data, "secrets.json"))
	require.NoError(s.t, err)
	var secrets struct {
		Password string `json:"ldap_password"`
	}
	require.NoError(s.t, json.Unmarshal(text, &secrets))
	return secrets.Password
}

// file writes the settings as a configuration file.
func (s *site) file(more map[string]any) string {
	all := maps.Clone(s.settings)
	maps.Copy(all, more)
	file := filepath.Join(s.t.TempDir(), "cis.yaml")
	text, err := yaml.Marshal(nested(all))
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(file, text, 0o600))
	return file
}

// command is a cis command with the site's settings.
func (s *site) command(args ...string) *exec.Cmd {
	return exec.Command(tool, append(args, "--config", s.file(nil))...)
}

// prepare makes a process of a role, with addresses of its own.
func (s *site) prepare(role string, more map[string]any) *process {
	p := &process{t: s.t, data: s.dev.data, api: freeport.Address(s.t), admin: freeport.Address(s.t), temporal: s.dev.temporal, ldap: s.dev.ldap, issuer: s.dev.issuer}
	file := s.file(more)
	p.command = func() *exec.Cmd {
		command := exec.Command(tool, role, "--config", file, "--admin-listen", p.admin)
		command.Env = append(append(os.Environ(), s.env...), "CIS_API_LISTEN="+p.api, "CIS_API_URL=http://"+p.api)
		return command
	}
	processes.Store(p.api, p)
	s.t.Cleanup(p.stop)
	return p
}

func (s *site) start(role string, more map[string]any) *process {
	p := s.prepare(role, more)
	p.start()
	return p
}

// probe asks for /readyz or /healthz.
func (p *process) probe(path string) (status int, parts map[string]string) {
	response, err := http.Get("http://" + p.admin + path)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, json.Unmarshal(text, &parts))
	return response.StatusCode, parts
}

// awaitPart waits until /readyz says this of a part.
func (p *process) awaitPart(part, state string) {
	require.Eventually(p.t, func() bool {
		_, parts := p.probe("/readyz")
		return parts[part] == state
	}, time.Minute, 50*time.Millisecond, "%s is not %s", part, state)
}

// awaitEnd waits until the process has ended by itself, and returns how long
// that took.
func (p *process) awaitEnd(status int) time.Duration {
	began := time.Now()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		require.FailNow(p.t, "the process does not end", p.said())
	}
	require.Equal(p.t, status, p.cmd.ProcessState.ExitCode(), p.said())
	p.cmd = nil
	return time.Since(began)
}

// temporalClient is that of somebody who has no keys.
func (s *site) temporalClient() client.Client { return s.dial(workflows.NewConverters(nil)) }

// operator is a client with the site's keys.
func (s *site) operator() client.Client { return s.dial(s.converters()) }

func (s *site) converters() workflows.Converters {
	keys, err := payload.ReadKeyFile(s.settings["encryption.key-file"].(string))
	require.NoError(s.t, err)
	return workflows.NewConverters(payload.NewCodec(keys))
}

func (s *site) dial(converters workflows.Converters) client.Client {
	c, err := client.Dial(client.Options{
		HostPort: s.dev.temporal, Namespace: namespace, DataConverter: converters.Data, FailureConverter: converters.Failures,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}
