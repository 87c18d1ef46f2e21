package directory_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/directory"
	"cis/profile"
)

// slapd runs OpenLDAP as deploy/ldap/start sets it up, and returns its address.
func slapd(t *testing.T) string {
	if _, err := exec.LookPath("slapd"); err != nil && os.Getenv("CIS_REQUIRE_TOOLS") == "" {
		t.Skip("NOT TESTED: slapd is not installed (Debian: slapd)")
	}
	folder := t.TempDir()
	password := filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(password, []byte("secret\n"), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())

	var log bytes.Buffer
	command := exec.Command("../deploy/ldap/start")
	command.Env = append(os.Environ(), "LDAP_FOLDER="+folder, "LDAP_BASE="+base, "LDAP_URLS=ldap://"+addr+"/",
		"LDAP_PASSWORD_FILE="+password, "LDAP_RUN="+filepath.Join(folder, "run"))
	command.Stdout, command.Stderr = &log, &log
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return addr
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("slapd ended: %v\n%s", err, log.String())
		default:
		}
	}
	t.Fatal("slapd did not start within a minute")
	return ""
}

// onBoth runs a test on the directory of development and on OpenLDAP.
func onBoth(t *testing.T, test func(*testing.T, *directory.Directory, *ldap.Conn)) {
	t.Run("in development", func(t *testing.T) {
		d, c := start(t)
		test(t, d, c)
	})
	t.Run("in OpenLDAP", func(t *testing.T) {
		addr := slapd(t)
		test(t, open(t, addr), bound(t, addr, bindDN))
	})
}

// bound is a connection of somebody.
func bound(t *testing.T, addr, name string) *ldap.Conn {
	c, err := ldap.DialURL("ldap://" + addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.Bind(name, "secret"))
	return c
}

func search(c *ldap.Conn, filter string) ([]*ldap.Entry, error) {
	result, err := c.Search(ldap.NewSearchRequest("ou=people,"+base, ldap.ScopeSingleLevel, ldap.NeverDerefAliases,
		0, 0, false, filter, nil, nil))
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

func TestOpenLDAPFindsPeopleByWhatIsCISs(t *testing.T) {
	d := slapd(t)
	c := bound(t, d, bindDN)
	publish(t, open(t, d), person(t, map[profile.Path]any{
		profile.PrimaryEmail: "ada@example.org", "access_information.ldap": map[string]any{"vpn": nil, "VPN": nil, "v pn": nil, "v  pn": nil},
	}), 12)
	for filter, found := range map[string]int{
		"(cisUserId=ad|x)": 1, "(cisUserId=AD|x)": 0, "(cisUserId=ad|x )": 0, "(cisUsername=ada)": 1, "(cisUsername=a*)": 1,
		"(cisGroup=ldap:vpn)": 1, "(cisGroup=ldap:Vpn)": 0, "(cisActive=TRUE)": 1, "(cisRevision>=12)": 1, "(cisRevision>=13)": 0,
		"(mail=ADA@example.org)": 1, "(&(objectClass=cisPerson)(sn=love*))": 1,
	} {
		entries, err := search(c, filter)
		require.NoError(t, err, filter)
		require.Len(t, entries, found, filter)
	}
	require.Len(t, read(t, open(t, d)).GetAttributeValues("cisGroup"), 4, "names that LDAP's texts hold for the same")
}

func TestInOpenLDAPOnlyCISWrites(t *testing.T) {
	addr := slapd(t)
	d := open(t, addr)
	publish(t, d, person(t, nil), 1)
	name := read(t, d).DN
	cis := bound(t, addr, bindDN)

	other := ldap.NewModifyRequest(name, nil)
	other.Replace("userPassword", []string{"secret"})
	err := cis.Modify(other)
	require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights), "a password, even by CIS: %v", err)

	anonymous, err := ldap.DialURL("ldap://" + addr)
	require.NoError(t, err)
	defer anonymous.Close()
	require.NoError(t, anonymous.UnauthenticatedBind(""))
	_, err = search(anonymous, "(objectClass=*)")
	require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject), "%v", err)
	title := ldap.NewModifyRequest(name, nil)
	title.Replace("title", []string{"Queen"})
	require.Error(t, anonymous.Modify(title))
	require.Error(t, cis.Del(ldap.NewDelRequest("cn=cis,"+base, nil)), "CIS writes people and nothing else")
}

func TestWhatOpenLDAPWillNeverTakeWaitsForAPerson(t *testing.T) {
	d := open(t, slapd(t))
	_, err := d.Publish(context.Background(), person(t, map[profile.Path]any{profile.PrimaryEmail: "canary-é@example.org"}), 1)
	require.Equal(t, change.Park, change.KindOf(err), "mail is ASCII: %v", err)
	require.ErrorContains(t, err, "mail")
	require.NotContains(t, err.Error(), "canary")
}
