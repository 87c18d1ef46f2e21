package directory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/cmd/cis-dev/ldapd"
	"cis/directory"
	"cis/logs"
	"cis/profile"
)

const (
	base   = "dc=cis,dc=test"
	bindDN = "cn=cis," + base
)

func serve(t *testing.T, addr, file string) *ldapd.Server {
	s, err := ldapd.Start(ldapd.Options{Addr: addr, File: file, BaseDN: base, BindDN: bindDN, Password: "secret",
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	return s
}

func open(t *testing.T, addr string, change ...func(*directory.Config)) *directory.Directory {
	c := directory.Config{URL: "ldap://" + addr, BindDN: bindDN, Password: "secret", BaseDN: base,
		Timeout: 5 * time.Second, Connections: 4}
	for _, f := range change {
		f(&c)
	}
	d, err := directory.Open(c)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// start is a fresh directory and a connection beside CIS's.
func start(t *testing.T) (*directory.Directory, *ldap.Conn) {
	s := serve(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "d.db"))
	t.Cleanup(s.Stop)
	c, err := ldap.DialURL("ldap://" + s.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.Bind(bindDN, "secret"))
	return open(t, s.Addr()), c
}

const uuid = "9e107d9d-372b-5a5e-a6c0-3bd1d3b0f6a1"

// person is a profile with these values.
func person(t *testing.T, values map[profile.Path]any) *profile.Profile {
	p := profile.Empty()
	all := map[profile.Path]any{profile.UUID: uuid, profile.UserID: "ad|x", profile.PrimaryUsername: "ada",
		profile.Active: true, "first_name": "Ada", "last_name": "Lovelace"}
	for path, v := range values {
		all[path] = v
	}
	var err error
	for path, v := range all {
		p, err = p.Set(path, v, time.Unix(0, 0))
		require.NoError(t, err)
	}
	return p
}

func read(t *testing.T, d *directory.Directory) *ldap.Entry {
	e, err := d.Entry(context.Background(), uuid)
	require.NoError(t, err)
	return e
}

func publish(t *testing.T, d *directory.Directory, p *profile.Profile, revision int64) directory.Outcome {
	outcome, err := d.Publish(context.Background(), p, revision)
	require.NoError(t, err)
	return outcome
}

func TestAnEntryShowsTheProfile(t *testing.T) {
	onBoth(t, func(t *testing.T, d *directory.Directory, _ *ldap.Conn) {
		require.Equal(t, directory.Created, publish(t, d, person(t, map[profile.Path]any{
			profile.PrimaryEmail: "ada@example.org", "staff_information.title": "Countess", "description": "",
			"ssh_public_keys":                  map[string]string{"a": "ssh-rsa A", "b": "ssh-rsa B", "again": "ssh-rsa A", "none": ""},
			"access_information.ldap":          map[string]any{"vpn": nil},
			"access_information.mozilliansorg": map[string]any{"vpn": nil, "iam": nil},
		}), 1))
		e := read(t, d)
		for name, want := range map[string][]string{
			"uid": {uuid}, "cn": {"Ada Lovelace"}, "sn": {"Lovelace"}, "givenName": {"Ada"}, "mail": {"ada@example.org"},
			"title": {"Countess"}, "description": {}, "sshPublicKey": {"ssh-rsa A", "ssh-rsa B"},
			"cisGroup": {"ldap:vpn", "mozilliansorg:vpn", "mozilliansorg:iam"}, "cisActive": {"TRUE"}, "cisRevision": {"1"},
			"cisUserId": {"ad|x"}, "cisUsername": {"ada"}, "objectClass": {"inetOrgPerson", "cisPerson"},
		} {
			require.ElementsMatch(t, want, e.GetAttributeValues(name), name)
		}
		require.Equal(t, directory.Updated, publish(t, d, person(t, map[profile.Path]any{
			"first_name": nil, "last_name": nil, profile.Active: false,
		}), 2))
		e = read(t, d)
		for name, want := range map[string][]string{
			"cn": {"ada"}, "sn": {"ada"}, "givenName": {}, "mail": {}, "title": {}, "sshPublicKey": {}, "cisGroup": {},
			"cisActive": {"FALSE"}, "cisRevision": {"2"},
		} {
			require.ElementsMatch(t, want, e.GetAttributeValues(name), name)
		}
	})
}

func TestAnOlderRevisionNeverOverwrites(t *testing.T) {
	onBoth(t, func(t *testing.T, d *directory.Directory, _ *ldap.Conn) {
		publish(t, d, person(t, map[profile.Path]any{"first_name": "New"}), 7)
		for _, revision := range []int64{7, 6, 1} {
			require.Equal(t, directory.Current, publish(t, d, person(t, map[profile.Path]any{"first_name": "Old"}), revision))
			require.Equal(t, "New", read(t, d).GetAttributeValue("givenName"))
		}
	})
}

func TestConcurrentPublicationsEndAtTheNewest(t *testing.T) {
	onBoth(t, func(t *testing.T, d *directory.Directory, c *ldap.Conn) {
		t.Run("of a new entry", func(t *testing.T) { publishConcurrently(t, d) })
		require.NoError(t, c.Del(ldap.NewDelRequest(read(t, d).DN, nil)))
		addForeign(t, c)
		t.Run("of one that was there before", func(t *testing.T) { publishConcurrently(t, d) })
	})
}

func publishConcurrently(t *testing.T, d *directory.Directory) {
	const revisions = 50
	order := rand.Perm(revisions)
	var all sync.WaitGroup
	for _, i := range order {
		p := person(t, map[profile.Path]any{"first_name": fmt.Sprint("Ada ", i+1)})
		all.Go(func() {
			for {
				_, err := d.Publish(context.Background(), p, int64(i+1))
				if err == nil {
					return
				}
				if change.KindOf(err) != change.Retry {
					t.Errorf("revision %d: %v", i+1, err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, []string{fmt.Sprint(revisions)}, read(t, d).GetAttributeValues("cisRevision"))
	require.Equal(t, fmt.Sprint("Ada ", revisions), read(t, d).GetAttributeValue("givenName"))
}

// addForeign adds the person's entry as somebody else would.
func addForeign(t *testing.T, c *ldap.Conn) {
	r := ldap.NewAddRequest("uid="+uuid+",ou=people,"+base, nil)
	for name, value := range map[string]string{"objectClass": "inetOrgPerson", "uid": uuid, "cn": "x", "sn": "x"} {
		r.Attribute(name, []string{value})
	}
	require.NoError(t, c.Add(r))
}

func TestWhatIsNotOursStays(t *testing.T) {
	d, c := start(t)
	publish(t, d, person(t, nil), 1)
	r := ldap.NewModifyRequest(read(t, d).DN, nil)
	r.Add("telephoneNumber", []string{"+44 1"})
	r.Add("objectClass", []string{"posixAccount"})
	require.NoError(t, c.Modify(r))
	publish(t, d, person(t, map[profile.Path]any{"first_name": "Augusta"}), 2)
	e := read(t, d)
	require.Equal(t, "+44 1", e.GetAttributeValue("telephoneNumber"))
	require.Contains(t, e.GetAttributeValues("objectClass"), "posixAccount")
}

func TestAnEntryThatWasThereBeforeIsTakenOver(t *testing.T) {
	onBoth(t, func(t *testing.T, d *directory.Directory, c *ldap.Conn) {
		addForeign(t, c)
		require.Equal(t, directory.Updated, publish(t, d, person(t, nil), 3))
		require.Equal(t, "3", read(t, d).GetAttributeValue("cisRevision"))
		require.Contains(t, read(t, d).GetAttributeValues("objectClass"), "cisPerson")
	})
}

func TestNamesThatLDAPWouldMisread(t *testing.T) {
	onBoth(t, func(t *testing.T, d *directory.Directory, _ *ldap.Conn) {
		const name = `A"d,a=+<>;#\ (*)` + "é"
		publish(t, d, person(t, map[profile.Path]any{"first_name": name, profile.UserID: `ad|x)(uid=*`}), 1)
		require.Equal(t, name, read(t, d).GetAttributeValue("givenName"))
		require.Equal(t, `ad|x)(uid=*`, read(t, d).GetAttributeValue("cisUserId"))
	})
}

func TestADirectoryThatGoesAndComesBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.db")
	s := serve(t, "127.0.0.1:0", file)
	d := open(t, s.Addr())
	publish(t, d, person(t, nil), 1)
	s.Stop()
	_, err := d.Publish(context.Background(), person(t, nil), 2)
	require.Error(t, err)
	require.Equal(t, change.Retry, change.KindOf(err), "%v", err)
	s = serve(t, s.Addr(), file)
	defer s.Stop()
	require.Equal(t, directory.Updated, publish(t, d, person(t, nil), 2), "the dead connections are not in the way")
}

func TestWhatOnlyAPersonCanMend(t *testing.T) {
	d, c := start(t)
	require.NoError(t, c.Del(ldap.NewDelRequest("ou=people,"+base, nil)))
	_, err := d.Publish(context.Background(), person(t, map[profile.Path]any{"last_name": "canary-4711"}), 1)
	require.Equal(t, change.Park, change.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "uid="+uuid)
	require.NotContains(t, err.Error(), "canary-4711")
	require.Equal(t, "creating entry uid="+uuid+",ou=people,"+base+`: LDAP result code 32 "No Such Object"`, logs.Text(err), "the server's own words are in no log")
}

func TestAWrongPasswordIsTriedAgain(t *testing.T) {
	s := serve(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "d.db"))
	defer s.Stop()
	d := open(t, s.Addr(), func(c *directory.Config) { c.Password = "guess" })
	_, err := d.Publish(context.Background(), person(t, nil), 1)
	require.Equal(t, change.Retry, change.KindOf(err), "%v", err)
	require.ErrorContains(t, err, bindDN)
	require.NotContains(t, err.Error(), "guess")
}

func TestACallersTimeIsKept(t *testing.T) {
	d, _ := start(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := d.Publish(ctx, person(t, nil), 1)
	require.True(t, errors.Is(err, context.Canceled), "%v", err)
}

func TestConfigurationIsChecked(t *testing.T) {
	for name, c := range map[string]directory.Config{
		"no URL":                 {BaseDN: base},
		"another protocol":       {URL: "http://x", BaseDN: base},
		"no base":                {URL: "ldap://x"},
		"a base that is no name": {URL: "ldap://x", BaseDN: "nonsense"},
	} {
		_, err := directory.Open(c)
		require.Error(t, err, name)
	}
}

func TestRemovingDeletesThePersonsEntryAndNoOther(t *testing.T) {
	d, c := start(t)
	publish(t, d, person(t, nil), 1)
	other := person(t, map[profile.Path]any{profile.UUID: "other", profile.UserID: "ad|*"})
	publish(t, d, other, 1)
	require.NoError(t, d.Remove(context.Background(), "ad|*"))
	_, err := d.Entry(context.Background(), "other")
	require.Error(t, err)
	require.Equal(t, "Ada", read(t, d).GetAttributeValue("givenName"), "the star is a letter")
	require.NoError(t, d.Remove(context.Background(), "ad|*"), "who is not there need not be removed")

	foreign := ldap.NewAddRequest("uid=foreign,ou=people,"+base, nil)
	foreign.Attribute("objectClass", []string{"inetOrgPerson"})
	foreign.Attribute("uid", []string{"foreign"})
	foreign.Attribute("cn", []string{"f"})
	foreign.Attribute("sn", []string{"f"})
	foreign.Attribute("cisUserId", []string{"ad|foreign"})
	require.NoError(t, c.Add(foreign))
	require.NoError(t, d.Remove(context.Background(), "ad|foreign"))
	_, err = d.Entry(context.Background(), "foreign")
	require.NoError(t, err, "an entry that is not CIS's stays")

	require.NoError(t, d.Remove(context.Background(), "ad|x"))
	_, err = d.Entry(context.Background(), uuid)
	require.Error(t, err)
}
