// Package testdata finds the reference data that some tests check against:
// what the original system signed and answered. It is no part of the
// repository. A test that needs it skips where it is absent and says so; no
// behaviour is covered by such tests alone.
package testdata

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz"
)

// Variable is the environment variable that names the directory of the
// reference data. Without it, it is shared/data beside the repository.
const Variable = "CIS_DATA_DIR"

// Dir returns the directory of the reference data and skips the test where
// there is none. A directory that Variable names must exist.
func Dir(t testing.TB) string {
	t.Helper()
	dir, named := os.LookupEnv(Variable)
	if !named {
		dir = filepath.Join(repository(t), "..", "shared", "data")
	}
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return dir
	case named:
		t.Fatalf("%s names %s, which is no directory", Variable, dir)
	}
	t.Skipf("SKIPPED: no reference data in %s (set %s to where it is)", dir, Variable)
	return ""
}

// repository returns the root of the repository that the test runs in.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod in the working directory or above it")
		}
		dir = filepath.Dir(dir)
	}
}

// Read returns a file of the reference data, unpacked if its name ends in .xz.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Dir(t), name))
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(name) != ".xz" {
		return text
	}
	r, err := xz.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if text, err = io.ReadAll(r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return text
}

// ReadJSON reads a JSON file of the reference data into a value.
func ReadJSON(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(Read(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Files returns the names, for Read, of the files that match a pattern below
// the directory of the reference data, in order; there must be some.
func Files(t testing.TB, pattern string) []string {
	t.Helper()
	dir := Dir(t)
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reference data matches %s (%v)", pattern, err)
	}
	for i, file := range files {
		if files[i], err = filepath.Rel(dir, file); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// The documents that hold the keys of the signed profiles.
const (
	WellKnownDev     = "well-known-dev.json"
	WellKnownBuiltin = "well-known-builtin.json"
	WellKnownInterop = "interop/jwks/well-known-mozilla-iam.json"
	WellKnownGolden  = "golden/well-known/mozilla-iam"
)

// Keys returns the publishers' public keys, as JSON Web Keys, that well-known
// documents of the reference data list; several documents add up.
func Keys(t testing.TB, wellKnown ...string) map[string][]json.RawMessage {
	t.Helper()
	keys := map[string][]json.RawMessage{}
	for _, name := range wellKnown {
		var doc struct {
			API struct {
				Publishers map[string]struct {
					Keys []json.RawMessage `json:"keys"`
				} `json:"publishers_jwks"`
			} `json:"api"`
		}
		ReadJSON(t, name, &doc)
		for publisher, set := range doc.API.Publishers {
			keys[publisher] = append(keys[publisher], set.Keys...)
		}
	}
	return keys
}

// SignedProfiles returns the complete profiles that the original signed, by
// where they come from: the files signed/*.json and the two LDAP exports.
func SignedProfiles(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	profiles := map[string]json.RawMessage{}
	for _, file := range Files(t, "signed/*.json") {
		profiles[file] = Read(t, file)
	}
	for _, file := range Files(t, "ldap-profiles*.json.xz") {
		var export map[string]json.RawMessage
		ReadJSON(t, file, &export)
		for dn, p := range export {
			profiles[file+" "+dn] = p
		}
	}
	return profiles
}
