package ldapd_test

import (
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"cis/cmd/cis-dev/ldapd"
)

const (
	base     = "dc=cis,dc=test"
	bindDN   = "cn=cis," + base
	password = "secret"
	ada      = "uid=ada,ou=people," + base
)

func start(t *testing.T, file string) *ldapd.Server {
	s, err := ldapd.Start(ldapd.Options{
		Addr: "127.0.0.1:0", File: file, BaseDN: base, BindDN: bindDN, Password: password,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	return s
}

func connect(t *testing.T, s *ldapd.Server) *ldap.Conn {
	c, err := ldap.DialURL("ldap://" + s.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// directory is a fresh directory with one person in it, and a connection that
// may write.
func directory(t *testing.T) (*ldapd.Server, *ldap.Conn) {
	s := start(t, filepath.Join(t.TempDir(), "directory.db"))
	t.Cleanup(s.Stop)
	c := connect(t, s)
	require.NoError(t, c.Bind(bindDN, password))
	require.NoError(t, c.Add(person("ada", "Ada")))
	return s, c
}

func person(uid, first string) *ldap.AddRequest {
	r := ldap.NewAddRequest("uid="+uid+",ou=people,"+base, nil)
	r.Attribute("objectClass", []string{"inetOrgPerson", "cisPerson"})
	r.Attribute("uid", []string{uid})
	r.Attribute("cn", []string{first + " Lovelace"})
	r.Attribute("sn", []string{"Lovelace"})
	r.Attribute("mail", []string{uid + "@example.org", uid + "@example.net"})
	r.Attribute("cisRevision", []string{"10"})
	r.Attribute("cisUserId", []string{"ad|" + uid})
	return r
}

func search(t *testing.T, c *ldap.Conn, filter string) []string {
	found, err := c.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, nil, nil))
	require.NoError(t, err, filter)
	var names []string
	for _, e := range found.Entries {
		names = append(names, e.DN)
	}
	return names
}

func read(t *testing.T, c *ldap.Conn, dn string) *ldap.Entry {
	found, err := c.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", nil, nil))
	require.NoError(t, err)
	require.Len(t, found.Entries, 1)
	return found.Entries[0]
}

func TestAModificationIsOneStep(t *testing.T) {
	_, c := directory(t)
	modify := func(old, new, title string) error {
		r := ldap.NewModifyRequest(ada, nil)
		r.Delete("cisRevision", []string{old})
		r.Add("cisRevision", []string{new})
		r.Replace("title", []string{title})
		return c.Modify(r)
	}
	require.NoError(t, modify("10", "11", "Countess"))
	e := read(t, c, ada)
	require.Equal(t, []string{"11"}, e.GetAttributeValues("cisRevision"))
	require.Equal(t, []string{"Countess"}, e.GetAttributeValues("title"))

	err := modify("10", "12", "Nobody")
	require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchAttribute), "%v", err)
	e = read(t, c, ada)
	require.Equal(t, []string{"11"}, e.GetAttributeValues("cisRevision"), "a refused modification changes nothing")
	require.Equal(t, []string{"Countess"}, e.GetAttributeValues("title"))
}

func TestResultCodes(t *testing.T) {
	change := func(f func(*ldap.ModifyRequest)) func(*ldap.Conn) error {
		return func(c *ldap.Conn) error {
			r := ldap.NewModifyRequest(ada, nil)
			f(r)
			return c.Modify(r)
		}
	}
	for name, test := range map[string]struct {
		code uint16
		do   func(*ldap.Conn) error
	}{
		"adding an entry that exists": {ldap.LDAPResultEntryAlreadyExists, func(c *ldap.Conn) error { return c.Add(person("ADA", "Ada")) }},
		"adding below nothing": {ldap.LDAPResultNoSuchObject, func(c *ldap.Conn) error {
			r := person("x", "X")
			r.DN = "uid=x,ou=nowhere," + base
			return c.Add(r)
		}},
		"adding without a class": {ldap.LDAPResultObjectClassViolation, func(c *ldap.Conn) error {
			r := ldap.NewAddRequest("ou=x,"+base, nil)
			r.Attribute("ou", []string{"x"})
			return c.Add(r)
		}},
		"adding a person without surname": {ldap.LDAPResultObjectClassViolation, func(c *ldap.Conn) error {
			r := ldap.NewAddRequest("uid=x,ou=people,"+base, nil)
			r.Attribute("objectClass", []string{"inetOrgPerson"})
			r.Attribute("uid", []string{"x"})
			r.Attribute("cn", []string{"X"})
			return c.Add(r)
		}},
		"adding under a name that the entry does not have": {ldap.LDAPResultNamingViolation, func(c *ldap.Conn) error {
			r := person("x", "X")
			r.DN = "uid=y,ou=people," + base
			return c.Add(r)
		}},
		"a name that is none":                                 {ldap.LDAPResultInvalidDNSyntax, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest("nonsense", nil)) }},
		"deleting what is not there":                          {ldap.LDAPResultNoSuchObject, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest("uid=x,ou=people,"+base, nil)) }},
		"deleting what has children":                          {ldap.LDAPResultNotAllowedOnNonLeaf, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest("ou=people,"+base, nil)) }},
		"deleting a value that is not":                        {ldap.LDAPResultNoSuchAttribute, change(func(r *ldap.ModifyRequest) { r.Delete("mail", []string{"x@example.org"}) })},
		"deleting an attribute that is not":                   {ldap.LDAPResultNoSuchAttribute, change(func(r *ldap.ModifyRequest) { r.Delete("title", nil) })},
		"deleting a value in another case, where case counts": {ldap.LDAPResultNoSuchAttribute, change(func(r *ldap.ModifyRequest) { r.Delete("cisUserId", []string{"AD|ada"}) })},
		"adding a value that is there":                        {ldap.LDAPResultAttributeOrValueExists, change(func(r *ldap.ModifyRequest) { r.Add("mail", []string{"ADA@example.org"}) })},
		"removing what a person needs":                        {ldap.LDAPResultObjectClassViolation, change(func(r *ldap.ModifyRequest) { r.Delete("sn", nil) })},
		"removing the name":                                   {ldap.LDAPResultNamingViolation, change(func(r *ldap.ModifyRequest) { r.Replace("uid", []string{"other"}) })},
		"an empty value":                                      {ldap.LDAPResultInvalidAttributeSyntax, change(func(r *ldap.ModifyRequest) { r.Replace("title", []string{""}) })},
		"changing what is not there": {ldap.LDAPResultNoSuchObject, func(c *ldap.Conn) error {
			r := ldap.NewModifyRequest("uid=x,ou=people,"+base, nil)
			r.Replace("title", []string{"x"})
			return c.Modify(r)
		}},
		"a wrong password": {ldap.LDAPResultInvalidCredentials, func(c *ldap.Conn) error { return c.Bind(bindDN, "guess") }},
		"another user":     {ldap.LDAPResultInvalidCredentials, func(c *ldap.Conn) error { return c.Bind(ada, password) }},
		"searching below nothing": {ldap.LDAPResultNoSuchObject, func(c *ldap.Conn) error {
			_, err := c.Search(ldap.NewSearchRequest("ou=x,"+base, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(cn=*)", nil, nil))
			return err
		}},
		"more entries than asked for": {ldap.LDAPResultSizeLimitExceeded, func(c *ldap.Conn) error {
			_, err := c.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, 0, 1, 0, false, "(objectClass=*)", nil, nil))
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := directory(t)
			err := test.do(c)
			require.True(t, ldap.IsErrorWithCode(err, test.code), "wanted %d, got %v", test.code, err)
		})
	}
}

func TestOnlyTheBindDNWrites(t *testing.T) {
	s, _ := directory(t)
	c := connect(t, s)
	require.Equal(t, []string{ada}, search(t, c, "(uid=ada)"), "anyone reads")
	err := c.Del(ldap.NewDelRequest(ada, nil))
	require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights), "%v", err)
	require.NoError(t, c.Bind(strings.ToUpper(bindDN), password))
	require.NoError(t, c.Del(ldap.NewDelRequest(strings.ToUpper(ada), nil)))
	require.Empty(t, search(t, c, "(uid=ada)"))
}

func TestFilters(t *testing.T) {
	_, c := directory(t)
	require.NoError(t, c.Add(person("bob", "Bob")))
	const bob = "uid=bob,ou=people," + base
	for filter, want := range map[string][]string{
		"(uid=ada)":                        {ada},
		"(UID=Ada)":                        {ada},
		"(cisUserId=ad|ada)":               {ada},
		"(cisUserId=AD|ada)":               nil,
		"(uid=*)":                          {ada, bob},
		"(title=*)":                        nil,
		"(&(uid=*)(cn=Ada Lovelace))":      {ada},
		"(|(uid=ada)(uid=bob))":            {ada, bob},
		"(&(uid=*)(!(uid=ada)))":           {bob},
		"(&(uid=*)(!(title=x)))":           {ada, bob},
		"(mail=a*a@*.net)":                 {ada},
		"(mail=*example.net)":              {ada, bob},
		"(mail=*bob*example*)":             {bob},
		"(cn=ada*ada*)":                    nil,
		"(cisRevision>=9)":                 {ada, bob},
		"(cisRevision<=9)":                 nil,
		"(cn~=ada lovelace)":               {ada},
		`(cn=Ada\20Lovelace)`:              {ada},
		"(objectClass=organizationalUnit)": {"ou=groups," + base, "ou=people," + base},
	} {
		t.Run(filter, func(t *testing.T) { require.Equal(t, want, search(t, c, filter)) })
	}
}

func TestScopesAndSelection(t *testing.T) {
	_, c := directory(t)
	count := func(scope int, dn string) int {
		found, err := c.Search(ldap.NewSearchRequest(dn, scope, 0, 0, 0, false, "(objectClass=*)", []string{"MAIL"}, nil))
		require.NoError(t, err)
		for _, e := range found.Entries {
			for _, a := range e.Attributes {
				require.Equal(t, "mail", a.Name, "only what was asked for")
			}
		}
		return len(found.Entries)
	}
	require.Equal(t, 1, count(ldap.ScopeBaseObject, base))
	require.Equal(t, 2, count(ldap.ScopeSingleLevel, base))
	require.Equal(t, 4, count(ldap.ScopeWholeSubtree, base))
	require.Equal(t, 1, count(ldap.ScopeSingleLevel, "OU=People, dc=cis,dc=test"))
	require.Equal(t, []string{base}, read(t, c, "").GetAttributeValues("namingContexts"))
}

func TestEntriesSurviveARestartAndACrash(t *testing.T) {
	folder := t.TempDir()
	s := start(t, filepath.Join(folder, "directory.db"))
	c := connect(t, s)
	require.NoError(t, c.Bind(bindDN, password))
	require.NoError(t, c.Add(person("ada", "Ada")))

	// What is on disk while the server runs is what a kill would leave.
	crashed := t.TempDir()
	require.NoError(t, os.CopyFS(crashed, os.DirFS(folder)))
	s.Stop()
	for name, folder := range map[string]string{"stopped": folder, "killed": crashed} {
		t.Run(name, func(t *testing.T) {
			s := start(t, filepath.Join(folder, "directory.db"))
			defer s.Stop()
			require.Equal(t, []string{ada}, search(t, connect(t, s), "(uid=ada)"))
		})
	}
}

func TestAPortInUseIsOneClearLine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	_, err = ldapd.Start(ldapd.Options{Addr: busy.Addr().String(), File: filepath.Join(t.TempDir(), "d.db"), BaseDN: base})
	require.ErrorContains(t, err, "address already in use")
	require.NotContains(t, err.Error(), "\n")
}

func TestLdapsearchUnderstandsIt(t *testing.T) {
	tool, err := exec.LookPath("ldapsearch")
	if err != nil && os.Getenv("CIS_REQUIRE_TOOLS") == "" {
		t.Skip("NOT TESTED: ldapsearch is not installed (Debian: ldap-utils)")
	}
	require.NoError(t, err)
	s, _ := directory(t)
	out, err := exec.Command(tool, "-x", "-LLL", "-H", "ldap://"+s.Addr(), "-D", bindDN, "-w", password,
		"-b", base, "(uid=ada)", "cn", "mail").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "cn: Ada Lovelace\n")
	require.Contains(t, string(out), "mail: ada@example.net\n")
}
