package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/config"
	"cis/payload"
)

// aboutEncryption are the lines of what is wrong that are about encryption.
func aboutEncryption(t *testing.T, args ...string) string {
	var lines []string
	err := load(t, nil, args...).Check(config.Works)
	require.Error(t, err, "much else is missing")
	for line := range strings.Lines(err.Error()) {
		if strings.Contains(line, "encryption") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

func keyFile(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, payload.CreateKeyFile(name, time.Now()))
	return name
}

func TestTestingAndProductionWriteHistoriesInTheClearOnlyIfThatIsSaid(t *testing.T) {
	keys := keyFile(t)
	for _, environment := range []string{"testing", "production"} {
		says := func(args ...string) string {
			return aboutEncryption(t, append(args, "--environment", environment)...)
		}
		const clear = "people's data would be in Temporal in the clear: "
		require.Equal(t, "encryption.key-file: not in "+environment+": "+clear+
			"set it or encryption.kms.key, or set encryption.allow-plain-histories if that is meant", says())
		require.Equal(t, "--encryption-decode-only: not in "+environment+": "+clear+
			"take it away, or set encryption.allow-plain-histories if that is meant", says("--encryption-key-file", keys, "--encryption-decode-only"))
		require.Empty(t, says("--encryption-allow-plain-histories"))
		require.Empty(t, says("--encryption-allow-plain-histories", "--encryption-key-file", keys, "--encryption-decode-only"))
		require.Empty(t, says("--encryption-key-file", keys))
		require.Empty(t, says("--encryption-kms-key", "alias/cis"))
	}
	require.Empty(t, aboutEncryption(t), "elsewhere nothing need be said")
}

func TestWhatIsWrongWithEncryptionIsTold(t *testing.T) {
	keys, open := keyFile(t), keyFile(t)
	require.NoError(t, os.Chmod(open, 0o644))
	const arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"a key file that is missing": {[]string{"--encryption-key-file", "/nowhere/keys.json"},
			`--encryption-key-file: there is no file /nowhere/keys.json: give this process the one that the others have or, if there is none yet, make it with "cis payload-keys create /nowhere/keys.json"`},
		"one that everybody can read": {[]string{"--encryption-key-file", open}, "others than its owner may use it (mode 0644): chmod 600 it"},
		"one that has no keys":        {[]string{"--encryption-key-file", file(t, "{}")}, `has no "keys"`},
		"nothing to decrypt with":     {[]string{"--encryption-decode-only"}, "there is no key to decrypt with"},
		"nothing to encrypt with":     {[]string{"--encryption-kms-older", arn}, "these only decrypt"},
		"an alias among older keys":   {[]string{"--encryption-kms-key", "x", "--encryption-kms-older", "alias/cis"}, `"alias/cis" is no ARN of a KMS key`},
		"a period of nothing":         {[]string{"--encryption-kms-key", "x", "--encryption-kms-period", "0s"}, "it must be longer than 0"},
		"no data key kept":            {[]string{"--encryption-kms-key", "x", "--encryption-kms-keep", "0"}, "it must be at least 1"},
		"half a context":              {[]string{"--encryption-kms-key", "x", "--encryption-kms-context", "cis"}, `"cis" is not of the form NAME=VALUE`},
		"a context's name twice":      {[]string{"--encryption-kms-key", "x", "--encryption-kms-context", "a=b", "--encryption-kms-context", "a=c"}, "a name is there twice"},
		"an endpoint that is none":    {[]string{"--encryption-kms-key", "x", "--encryption-kms-endpoint", "kms"}, `"kms" is no URL`},
		"an origin with a path":       {[]string{"--encryption-ui-origin", "https://temporal.example.org/"}, `"https://temporal.example.org/" is more than an origin: write https://temporal.example.org`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, aboutEncryption(t, test.args...), test.says)
		})
	}
	require.Empty(t, aboutEncryption(t, "--encryption-key-file", keys, "--encryption-kms-older", arn))
	require.Empty(t, aboutEncryption(t, "--encryption-kms-older", arn, "--encryption-decode-only"))
	require.Contains(t, aboutEncryption(t, "--environment", "production", "--encryption-key-file", keys, "--encryption-ui-origin", "http://temporal.example.org"), "is not encrypted")
	require.NoError(t, load(t, nil, "--encryption-key-file", "/nowhere").Check(0), "who carries nothing out needs no keys")
}
