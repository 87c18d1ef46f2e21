package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/davecgh/go-spew/spew"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"cis/config"
)

// load reads a configuration as a command does.
func load(t *testing.T, variables map[string]string, args ...string) *config.Loaded {
	command := struct{ config.Flags }{config.NewFlags()}
	parser, err := kong.New(&command)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return config.Load(command.Flags, func(name string) (string, bool) {
		text, ok := variables[name]
		return text, ok
	})
}

// file writes a file and returns its name.
func file(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestEveryProblemIsToldAtOnce(t *testing.T) {
	t.Chdir("testdata")
	loaded := load(t, map[string]string{
		"CIS_API_RATE_LIMIT": "many", "CIS_SALT_FILE": "nowhere", "CIS_WEBHOOKS_CLIENT_SECRET": "x", "CIS_WEBHOOKS_CLIENT_SECRET_FILE": "y",
		"CIS_PUBLISHERS_WELL_KNOWN": "bad.yaml, http://keys.example.org",
	}, "--config", "bad.yaml", "--grace-period", "soon", "--admin-listen", "nowhere", "--publishers-require-bound", "ldap",
		"--publishers-require-bound", "hr", "--api-allow-delete=perhaps")
	want, err := os.ReadFile("bad.txt")
	require.NoError(t, err)
	require.EqualError(t, loaded.Check(config.ServesAPI|config.Works), string(bytes.TrimSpace(want)))
	require.NotContains(t, string(want), "open-sesame")
	require.NotContains(t, string(want), "none-of-your-business")
}

func TestAFlagCountsBeforeAVariableBeforeTheFileBeforeTheEnvironmentsDefault(t *testing.T) {
	name := file(t, "temporal: {namespace: file, address: 'file:1'}\napi: {deadline: 3s}\ntokens: {audience: file}\nlog-level:\n")
	variables := map[string]string{"CIS_TEMPORAL_NAMESPACE": "variable", "CIS_TEMPORAL_ADDRESS": "variable:1", "CIS_API_DEADLINE": ""}
	c := load(t, variables, "--config", name, "--temporal-namespace", "flag", "--environment", "testing")
	require.Equal(t, "flag", c.Temporal.Namespace)
	require.Equal(t, "variable:1", c.Temporal.Address)
	require.Equal(t, 3*time.Second, c.API.Deadline, "an empty variable sets nothing")
	require.Equal(t, "file", c.Tokens.Audience)
	require.Equal(t, "hook.test.sso.allizom.org", c.Webhooks.Audience)
	require.Equal(t, time.Minute, c.API.BatchDeadline)
	require.Equal(t, slog.LevelInfo, c.LogLevel, "a key without a value sets nothing")
	shown, err := c.YAML()
	require.NoError(t, err)
	for _, line := range []string{
		"namespace: flag # --temporal-namespace", "address: variable:1 # CIS_TEMPORAL_ADDRESS", "deadline: 3s # " + name + ":2 api.deadline",
		"audience: hook.test.sso.allizom.org # environment testing", "batch-deadline: 1m # default",
	} {
		require.Contains(t, string(shown), line+"\n")
	}
}

func TestListsAreRepeatedFlagsCommasOrAListInTheFile(t *testing.T) {
	name := file(t, `
publishers: {well-known: [a, b]}
webhooks:
  subscriptions:
    - badge=https://badge.example.org/?a=b,c
    - {name: payroll, url: 'https://payroll.example.org', audience: hook.payroll, operations: [create]}`)
	c := load(t, map[string]string{"CIS_DIRECTORY_RETRIES": "1s, 2m"}, "--config", name,
		"--publishers-require-bound", "ldap", "--publishers-require-bound", "hris", "--environment", "production")
	require.Equal(t, []string{"a", "b"}, c.Publishers.WellKnown)
	require.Equal(t, []string{"ldap", "hris"}, c.Publishers.RequireBound)
	require.Equal(t, []time.Duration{time.Second, 2 * time.Minute}, c.Directory.Retries)
	subscriptions := c.Subscriptions()
	require.Equal(t, "https://badge.example.org/?a=b,c", subscriptions[0].URL)
	require.Equal(t, "hook.sso.mozilla.com", subscriptions[0].Audience)
	require.Equal(t, "hook.payroll", subscriptions[1].Audience)
	require.Equal(t, []string{"create"}, subscriptions[1].Operations)
}

func TestASecretComesFromAVariableOrAFileAndNeverPrintsItself(t *testing.T) {
	const secret = "hush-hush"
	c := load(t, map[string]string{"CIS_SALT": secret}, "--directory-password-file", file(t, secret+"\n"), "--config",
		file(t, "temporal: {api-key-file: "+file(t, secret+"\r\n")+"}\nwebhooks: {client-secret: "+secret+"}"))
	for name, s := range map[string]config.Secret{"a variable": c.Salt, "a flag's file": c.Directory.Password,
		"the file's file": c.Temporal.APIKey, "the file": c.Webhooks.ClientSecret} {
		require.Equal(t, secret, s.Reveal(), name)
	}
	asYAML, err := yaml.Marshal(map[string]any{"a": c.Config.Salt, "b": struct{ S *config.Secret }{&c.Salt}})
	require.NoError(t, err)
	asJSON, err := json.Marshal(c.Config)
	require.NoError(t, err)
	shown, err := c.YAML()
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "salt", c.Salt, "all", c.Config)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "salt", c.Salt, "all", c.Config)
	printed := string(asYAML) + string(asJSON) + string(shown) + log.String() + spew.Sdump(c.Config) + fmt.Sprint(c.Salt, c.Config)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		printed += fmt.Sprintf(verb, c.Salt) + fmt.Sprintf(verb, c.Config) + fmt.Sprintf(verb, &c.Config) + fmt.Sprintf(verb, []any{c.Salt})
	}
	require.NotContains(t, printed, secret)
	require.NotContains(t, printed, fmt.Sprintf("%x", secret))
	require.Contains(t, string(shown), "salt: '********' # CIS_SALT\n")
}

func TestWhatIsShownSetsTheSame(t *testing.T) {
	c := load(t, nil, "--environment", "testing", "--webhooks-subscriptions", "badge=https://badge.example.org", "--api-allow-delete",
		"--directory-retries", "1s", "--directory-retries", "1m30s", "--log-level", "warn", "--api-rate-limit", "0.5")
	shown, err := c.YAML()
	require.NoError(t, err)
	require.Contains(t, string(shown), "audience: api.test.sso.allizom.org # environment testing\n")
	require.Contains(t, string(shown), "allow-delete: true # --api-allow-delete\n")
	again := load(t, nil, "--config", file(t, string(shown)))
	require.Equal(t, c.Config, again.Config, "%s", shown)
}

func TestASubscriptionsURLMayHoldASecretAndIsNotShown(t *testing.T) {
	shown, err := load(t, nil, "--webhooks-subscriptions", "chat=https://chat.example.org/T0/hush-hush?key=hush-hush",
		"--webhooks-subscriptions", "badge=https://badge.example.org/").YAML()
	require.NoError(t, err)
	require.NotContains(t, string(shown), "hush-hush")
	require.Contains(t, string(shown), "url: https://chat.example.org/********\n")
	require.Contains(t, string(shown), "url: https://badge.example.org/\n")
	require.NotContains(t, load(t, nil, "--webhooks-subscriptions", "https://chat.example.org/hush-hush").Check(0).Error(), "hush-hush")
}

func TestTestingAndProductionRefuseWhatIsUnsafe(t *testing.T) {
	for name, test := range map[string]struct{ flag, unsafe, safe, says string }{
		"a token issuer over http":       {"--tokens-issuer", "http://auth.example.org/", "https://auth.example.org/", "is not encrypted"},
		"its keys over http":             {"--tokens-jwks", "http://auth.example.org/keys", "https://auth.example.org/keys", "is not encrypted"},
		"an API that clients reach so":   {"--api-url", "http://cis.example.org", "https://cis.example.org", "is not encrypted"},
		"publishers' keys over http":     {"--publishers-well-known", "http://auth.example.org/x", "https://auth.example.org/x", "the publishers' keys come from it"},
		"tokens of deliveries over http": {"--webhooks-token-url", "http://auth.example.org/token", "https://auth.example.org/token", "is not encrypted"},
		"deliveries over http":           {"--webhooks-subscriptions", "badge=http://badge.example.org", "badge=https://badge.example.org", "subscription badge: deliveries carry"},
		"a directory without TLS":        {"--directory-url", "ldap://ldap.example.org", "ldaps://ldap.example.org", "would not be encrypted"},
		"Temporal without TLS":           {"--temporal-address", "temporal.example.org:7233", "127.0.0.1:7233", "set temporal.tls.enabled"},
		"DynamoDB without TLS":           {"--vault-dynamodb-endpoint", "http://dynamodb.example.org", "https://dynamodb.example.org", "is not encrypted"},
		"no rate limit":                  {"--api-rate-limit", "0", "1", "clients without a limit"},
	} {
		t.Run(name, func(t *testing.T) {
			says := func(args ...string) string {
				return load(t, map[string]string{"CIS_VAULT_DRIVER": "dynamodb"}, args...).Check(config.ServesAPI | config.Works).Error()
			}
			for _, e := range []string{"testing", "production"} {
				require.Contains(t, says("--environment", e, test.flag, test.unsafe), "\n  "+test.flag+": not in "+e+": ")
				require.Contains(t, says("--environment", e, test.flag, test.unsafe), test.says)
				require.NotContains(t, says("--environment", e, test.flag, test.safe), "\n  "+test.flag+":")
			}
			require.NotContains(t, says(test.flag, test.unsafe), test.says)
			if strings.Contains(test.unsafe, "://") {
				_, rest, _ := strings.Cut(test.unsafe, ".example.org")
				here, _, _ := strings.Cut(test.unsafe, "://")
				require.NotContains(t, says("--environment", "production", test.flag, here+"://127.0.0.1"+rest), test.says, "it does not leave the machine")
			}
		})
	}
	upgraded := load(t, nil, "--environment", "production", "--directory-url", "ldap://ldap.example.org", "--directory-start-tls")
	require.NotContains(t, upgraded.Check(config.Works).Error(), "directory.url")
}

func TestSecretsThatEverybodyCanReadAreRefusedWhereThatMatters(t *testing.T) {
	name := file(t, "salt")
	require.NoError(t, os.Chmod(name, 0o644))
	err := load(t, nil, "--environment", "production", "--salt-file", name).Check(config.Works)
	require.ErrorContains(t, err, "--salt-file: "+name+" can be read or written by everybody (mode 644): chmod o= it")
	require.Equal(t, "salt", load(t, nil, "--salt-file", name).Salt.Reveal())
}

func TestEachRoleNeedsItsOwnSettings(t *testing.T) {
	local := load(t, nil)
	require.NoError(t, local.Check(0))
	api, workers := local.Check(config.ServesAPI), local.Check(config.Works)
	require.ErrorContains(t, api, "salt: this is missing: set CIS_SALT to it, CIS_SALT_FILE or --salt-file to a file that holds it, or salt or salt-file in the file")
	require.ErrorContains(t, workers, "directory.url: this is missing: set --directory-url, CIS_DIRECTORY_URL or directory.url in the file")
	require.NotContains(t, api.Error(), "directory")
	require.ErrorContains(t, load(t, nil, "--environment", "development").Check(0), "temporal.address: this is missing")
	require.NoError(t, load(t, nil, "--environment", "development", "--vault-driver", "dynamodb").Check(config.KeepsVault))
}

func TestAVaultIsAFileOrTablesOfAnEnvironment(t *testing.T) {
	for says, args := range map[string][]string{
		"vault.file: this is missing: set --vault-file, CIS_VAULT_FILE or vault.file in the file":                     {},
		"--vault-driver: \"mongo\" is no driver: it must be sqlite or dynamodb":                                       {"--vault-driver", "mongo"},
		"--vault-dynamodb-endpoint: \"nonsense\" is no URL that begins with http:// or https://":                      {"--vault-driver", "dynamodb", "--vault-dynamodb-endpoint", "nonsense"},
		"--vault-table-prefix: \"a b\" cannot begin a table's name: letters, digits and _-. can, 200 of them at most": {"--vault-driver", "dynamodb", "--vault-table-prefix", "a b"},
	} {
		err := load(t, nil, append(args, "--environment", "production")...).Check(config.KeepsVault)
		require.EqualError(t, err, "the configuration has a problem:\n  "+says)
	}
	require.Equal(t, "testing", load(t, nil, "--environment", "testing").TablePrefix())
	require.Equal(t, "old", load(t, nil, "--environment", "testing", "--vault-table-prefix", "old").TablePrefix())
}

func TestBuildsHaveNamesThatTemporalTakes(t *testing.T) {
	require.NoError(t, load(t, nil, "--temporal-deployment", "cis-eu", "--temporal-build-id", "v1.2.3").Check(0))
	require.ErrorContains(t, load(t, nil, "--temporal-deployment", "cis.eu").Check(0), `--temporal-deployment: "cis.eu" cannot be a deployment`)
	require.ErrorContains(t, load(t, nil, "--temporal-build-id", "__1").Check(0), `--temporal-build-id: "__1" cannot be a build`)
}

func TestFilesThatAreNoConfigurationAreOneProblem(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"no YAML":       {"a: [", "the file is no YAML: line 1"},
		"no mapping":    {"just words", ":1: this must be a mapping; it has: admin, api, "},
		"two documents": {"a: b\n---\nc: d", "more than one document"},
		"twice":         {"salt: a\nsalt: b", ":2 salt: this is set twice in the file"},
		"both":          {"salt: a\nsalt-file: b", ":1 salt: this is set twice: take this or "},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, load(t, nil, "--config", file(t, test.text)).Check(0), test.says)
		})
	}
	require.ErrorContains(t, load(t, nil, "--config", "/nowhere.yaml").Check(0), "/nowhere.yaml: the file cannot be read: no such file")
	require.NoError(t, load(t, nil, "--config", file(t, "")).Check(0))
}
