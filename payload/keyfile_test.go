package payload_test

import (
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/payload"
)

func written(t *testing.T, text string, mode os.FileMode) string {
	file := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, []byte(text), mode))
	require.NoError(t, os.Chmod(file, mode))
	return file
}

func TestKeysOfAFile(t *testing.T) {
	one, two := base64.StdEncoding.EncodeToString(secret(1)), base64.StdEncoding.EncodeToString(secret(2))
	ring, err := payload.ReadKeyFile(written(t, `{"active":"2026-11","keys":{"2026-05":"`+one+`","2026-11":"`+two+`"}}`, 0o400))
	require.NoError(t, err)
	active, err := ring.Active()
	require.NoError(t, err)
	require.Equal(t, "2026-11", active.ID)
	older, err := ring.Find("2026-05", nil)
	require.NoError(t, err)
	require.Equal(t, "2026-05", older.ID)
}

func TestAKeyFileThatIsWrongSaysHow(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(secret(1))
	short := base64.StdEncoding.EncodeToString(secret(1)[:16])
	for name, test := range map[string]struct {
		text string
		says string
	}{
		"nothing":             {``, "is not {"},
		"no JSON":             {`active: x`, "byte 0"},
		"an end missing":      {`{"active":"a","keys":{"a":"` + good, "is not {"},
		"more after it":       {`{"active":"a","keys":{"a":"` + good + `"}} x`, "is not {"},
		"no object":           {`["` + good + `"]`, "a JSON ["},
		"keys in a list":      {`{"active":"a","keys":["` + good + `"]}`, `"/keys"`},
		"a key that is none":  {`{"active":"a","keys":{"a":7}}`, `"/keys/a"`},
		"a member too many":   {`{"active":"a","keys":{"a":"` + good + `"},"old":{}}`, `"/old"`},
		"an id twice":         {`{"active":"a","keys":{"a":"` + good + `","a":"` + good + `"}}`, `"/keys/a"`},
		"no keys":             {`{"active":"a"}`, `has no "keys"`},
		"no active one":       {`{"keys":{"a":"` + good + `"}}`, `which key is "active"`},
		"an active one lost":  {`{"active":"b","keys":{"a":"` + good + `"}}`, `active key "b" is not among the keys`},
		"no base64":           {`{"active":"a","keys":{"a":"` + good[:43] + `!"}}`, `key "a" is not in base64`},
		"too short a key":     {`{"active":"a","keys":{"a":"` + short + `"}}`, `key "a" has 16 bytes, it needs 32`},
		"an id with a blank":  {`{"active":"a b","keys":{"a b":"` + good + `"}}`, `"a b" is no id of a key`},
		"the same key twice":  {`{"active":"a","keys":{"a":"` + good + `","b":"` + good + `"}}`, `keys "a" and "b" are the same`},
		"more than it may be": {strings.Repeat(" ", 1<<20) + "{}", "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			file := written(t, test.text, 0o600)
			_, err := payload.ReadKeyFile(file)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "key file "+file)
			require.NotContains(t, err.Error(), good[:12], "no secret is in an error")
		})
	}
}

func TestAKeyFileThatOthersMayReadIsRefused(t *testing.T) {
	text := `{"active":"a","keys":{"a":"` + base64.StdEncoding.EncodeToString(secret(1)) + `"}}`
	for _, mode := range []os.FileMode{0o604, 0o620, 0o660, 0o650, 0o601, 0o644} {
		_, err := payload.ReadKeyFile(written(t, text, mode))
		require.ErrorContains(t, err, "chmod 600", mode)
	}
	linked := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(written(t, text, 0o644), linked))
	_, err := payload.ReadKeyFile(linked)
	require.ErrorContains(t, err, "chmod 600", "it is the file that counts")
}

func TestAKeyFileMayBeReadByItsGroup(t *testing.T) {
	text := `{"active":"a","keys":{"a":"` + base64.StdEncoding.EncodeToString(secret(1)) + `"}}`
	_, err := payload.ReadKeyFile(written(t, text, 0o440))
	require.NoError(t, err)
}

func TestWhatIsNoKeyFile(t *testing.T) {
	_, err := payload.ReadKeyFile(filepath.Join(t.TempDir(), "keys.json"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = payload.ReadKeyFile(t.TempDir())
	require.ErrorContains(t, err, "is not a file")
}

func TestANewKeyFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "keys.json")
	day := time.Date(2026, 11, 24, 23, 0, 0, 0, time.UTC)
	require.NoError(t, payload.CreateKeyFile(file, day))
	ring, err := payload.ReadKeyFile(file)
	require.NoError(t, err)
	active, err := ring.Active()
	require.NoError(t, err)
	require.Regexp(t, "^2026-11-24-[a-z2-7]{6}$", active.ID)
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	require.ErrorIs(t, payload.CreateKeyFile(file, day), fs.ErrExist, "keys are never written over")
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
