package workflows_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"cis/activities"
	"cis/change"
	"cis/cmd/cis-dev/ldapd"
	"cis/directory"
	"cis/profile"
	"cis/schema"
	"cis/signing"
	"cis/vault"
	"cis/vault/sqlite"
	"cis/webhook"
	"cis/workflows"
)

// signers are keys of every publisher, made once for all tests.
var signers = sync.OnceValue(func() map[string]*signing.Signer {
	all := map[string]*signing.Signer{}
	for _, name := range profile.Publishers {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		if all[name], err = signing.NewSigner(name, key); err != nil {
			panic(err)
		}
	}
	return all
})

const (
	salt   = "salt"
	baseDN = "dc=cis,dc=test"
	bindDN = "cn=cis," + baseDN
)

// rig runs ProfileChange in the SDK's test environment, with the real
// activities on a real vault, directory and receivers.
type rig struct {
	t         *testing.T
	env       *testsuite.TestWorkflowEnvironment
	vault     vault.Store // what the activities see; may be wrapped
	ldapAddr  string
	ldapFile  string
	ldap      *ldapd.Server
	directory *directory.Directory
	receivers map[string]*receiver
	targets   []string
	unwanted  map[string]change.Condition // what a target is not told of
}

// receiver is a webhook receiver that answers as it is told to.
type receiver struct {
	mu     sync.Mutex
	status int
	refuse string // the user_id whose events alone get status
	events []webhook.Event
	server *httptest.Server
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) delivered() []webhook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]webhook.Event(nil), r.events...)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var event webhook.Event
	_ = json.NewDecoder(request.Body).Decode(&event)
	if r.status != 0 && (r.refuse == "" || r.refuse == event.ID) {
		w.WriteHeader(r.status)
		return
	}
	r.events = append(r.events, event)
}

type noTokens struct{}

func (noTokens) Token(context.Context, string) (string, error) { return "token", nil }
func (noTokens) Invalidate(string, string)                     {}

func newRig(t *testing.T, hooks ...string) *rig {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	r := &rig{t: t, vault: store, ldapFile: filepath.Join(t.TempDir(), "directory.db"), ldapAddr: freePort(t),
		receivers: map[string]*receiver{}, targets: []string{activities.DirectoryTarget}}
	for _, name := range hooks {
		one := &receiver{}
		one.server = httptest.NewServer(one)
		t.Cleanup(one.server.Close)
		r.receivers[name] = one
		r.targets = append(r.targets, activities.WebhookPrefix+name)
	}
	r.directory, err = directory.Open(directory.Config{URL: "ldap://" + r.ldapAddr, BindDN: bindDN, Password: "secret",
		BaseDN: baseDN, Timeout: 5 * time.Second, Connections: 2})
	require.NoError(t, err)
	t.Cleanup(r.directory.Close)
	r.startLDAP()
	return r
}

func freePort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func (r *rig) startLDAP() {
	var err error
	r.ldap, err = ldapd.Start(ldapd.Options{Addr: r.ldapAddr, File: r.ldapFile, BaseDN: baseDN, BindDN: bindDN,
		Password: "secret", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(r.t, err)
	r.t.Cleanup(r.stopLDAP)
}

func (r *rig) stopLDAP() {
	if r.ldap != nil {
		r.ldap.Stop()
		r.ldap = nil
	}
}

// prepare makes a fresh environment for the next run.
func (r *rig) prepare() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	r.env = suite.NewTestWorkflowEnvironment()
	r.env.SetTestTimeout(time.Minute)
	r.env.SetWorkflowRunTimeout(30 * 24 * time.Hour)
	r.env.RegisterWorkflowWithOptions(workflows.ProfileChange, workflow.RegisterOptions{Name: "ProfileChange"})
	rules, err := profile.ParseRules(schema.PublisherRules())
	require.NoError(r.t, err)
	keys := signing.StaticKeySets{}
	for _, signer := range signers() {
		require.NoError(r.t, keys.AddSigner(signer))
	}
	r.env.RegisterActivity(&activities.Integration{
		Vault: r.vault, Rules: rules, Verifier: signing.NewVerifier(keys), Signer: signers()[profile.CIS], Salt: salt,
		Targets: r.wanting, Now: time.Now,
	})
	r.env.RegisterActivity(&activities.Publishing{
		Vault: r.vault, Directory: r.directory,
		Webhooks: webhook.NewSender(webhook.Options{Tokens: noTokens{}, Now: time.Now}),
		Subscription: func(name string) (webhook.Subscription, bool) {
			one, ok := r.receivers[name]
			if !ok {
				return webhook.Subscription{}, false
			}
			return webhook.Subscription{Name: name, URL: one.server.URL, Audience: "hook"}, true
		},
		DirectoryRetries: activities.Schedule{time.Second, time.Minute, time.Hour},
		WebhookRetries:   activities.Schedule{time.Second, time.Minute},
		Heartbeat:        time.Second,
	})
	return r.env
}

// wanting are the targets that are told of a condition.
func (r *rig) wanting(c change.Condition) []string {
	return slices.DeleteFunc(slices.Clone(r.targets), func(name string) bool { return r.unwanted[name] == c })
}

// run carries a change set out and returns its result.
func (r *rig) run(set change.Set) change.Result {
	if r.env == nil {
		r.prepare()
	}
	env := r.env
	r.env = nil
	env.ExecuteWorkflow(workflows.ProfileChange, set)
	require.True(r.t, env.IsWorkflowCompleted())
	require.NoError(r.t, env.GetWorkflowError())
	var result change.Result
	require.NoError(r.t, env.GetWorkflowResult(&result))
	return result
}

const ada = "ad|Mozilla-LDAP|ada"

// value is a value to publish.
type value struct {
	path  profile.Path
	value any
}

// newcomer is what ldap says of a new person.
func newcomer(more ...value) []value {
	return append([]value{
		{profile.UserID, ada}, {"login_method", "ad"}, {profile.Active, true},
		{"first_name", "Ada"}, {"last_name", "Lovelace"}, {profile.PrimaryEmail, "ada@example.org"},
	}, more...)
}

// set is a change set of one partial profile, signed by a publisher.
func set(t *testing.T, publisher string, values ...value) change.Set {
	p := profile.Empty()
	var paths []profile.Path
	var err error
	for _, v := range values {
		p, err = p.Set(v.path, v.value, time.Now())
		require.NoError(t, err)
		paths = append(paths, v.path)
	}
	if p.Get(profile.UserID).IsNull() {
		p, err = p.Set(profile.UserID, ada, time.Now())
		require.NoError(t, err)
	}
	p, err = signers()[publisher].Profile(p, paths...)
	require.NoError(t, err)
	number, err := change.NewNumber()
	require.NoError(t, err)
	return change.Set{Number: number, Client: publisher, Digest: "digest", Changes: []change.Submitted{{UserID: ada, Profile: p.JSON()}}}
}

// stored is what the vault has of the person.
func (r *rig) stored() (vault.Record, *profile.Profile) {
	records, err := r.vault.Get(context.Background(), ada)
	require.NoError(r.t, err)
	record := records[ada]
	if record.Deleted() {
		return record, nil
	}
	p, err := profile.Parse(record.Profile)
	require.NoError(r.t, err)
	return record, p
}

// entry is an attribute of the person's entry in the directory.
func (r *rig) entry(attribute string) string {
	e, err := r.directory.Entry(context.Background(), profile.PersonUUID(salt, ada).String())
	require.NoError(r.t, err)
	return e.GetAttributeValue(attribute)
}

// progress is the answer of the query.
func progress(t *testing.T, env *testsuite.TestWorkflowEnvironment) change.Progress {
	answer, err := env.QueryWorkflow(workflows.QueryProgress)
	require.NoError(t, err)
	var p change.Progress
	require.NoError(t, answer.Get(&p))
	return p
}

// update is how an update sent to a running workflow ended.
type update struct {
	accepted bool
	refused  error
	result   any
	err      error
}

func (u *update) Accept()                        { u.accepted = true }
func (u *update) Reject(e error)                 { u.refused = e }
func (u *update) Complete(result any, err error) { u.result, u.err = result, err }
