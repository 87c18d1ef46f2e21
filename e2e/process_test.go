// Package e2e tests the whole system: the real program, run as a process and
// used through its protocols.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/internal/freeport"
	"cis/profile"
	"cis/signing"
)

// program is the built cis-dev, tool the built cis.
var program, tool string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "cis-e2e")
	if err == nil {
		program, tool = filepath.Join(folder, "cis-dev"), filepath.Join(folder, "cis")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", folder, "cis/cmd/cis-dev", "cis/cmd/cis").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the programs:", err)
		os.Exit(1)
	}
	if document, err = readContract("../api/openapi.yaml"); err != nil {
		fmt.Fprintln(os.Stderr, "reading the OpenAPI document:", err)
		os.Exit(1)
	}
	http.DefaultTransport = checked{http.DefaultTransport}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// process is a cis-dev on ports and a data folder of its own, which it keeps
// when it is started again; or a cis that uses such a one's servers.
type process struct {
	t                               *testing.T
	data                            string
	args                            []string
	api, temporal, ui, ldap, issuer string
	admin                           string           // where a cis tells how it is
	command                         func() *exec.Cmd // what a cis is started with

	cmd    *exec.Cmd
	output transcript
	ended  chan error
}

// transcript is what a process says, readable while it goes on.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *transcript) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Reset()
}

// said is what the process has said since it was started.
func (p *process) said() string { return p.output.String() }

// start starts a cis-dev without samples and waits until it is ready.
func start(t *testing.T, args ...string) *process {
	p := prepare(t, append([]string{"--no-samples"}, args...)...)
	p.start()
	return p
}

func prepare(t *testing.T, args ...string) *process {
	p := &process{t: t, data: filepath.Join(t.TempDir(), "data"), args: args}
	for _, at := range []*string{&p.api, &p.temporal, &p.ui, &p.ldap, &p.issuer} {
		*at = freeport.Address(t)
	}
	p.command = func() *exec.Cmd {
		return exec.Command(program, append([]string{"--data-dir", p.data, "--api", p.api, "--temporal", p.temporal,
			"--ui", p.ui, "--ldap", p.ldap, "--issuer", p.issuer}, p.args...)...)
	}
	processes.Store(p.api, p)
	t.Cleanup(p.stop)
	return p
}

// launch starts the process, without waiting for anything.
func (p *process) launch() {
	p.cmd = p.command()
	p.output.reset()
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	require.NoError(p.t, p.cmd.Start())
	p.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(p.cmd, p.ended)
}

func (p *process) start() {
	p.launch()
	deadline := time.Now().Add(time.Minute)
	for {
		response, err := http.Get("http://" + cmp.Or(p.admin, p.api) + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-p.ended:
			p.cmd = nil
			require.FailNow(p.t, "the process ended", "%v\n%s", err, p.output.String())
		case <-time.After(20 * time.Millisecond):
		}
		require.True(p.t, time.Now().Before(deadline), "the process is not ready: %s", p.said())
	}
}

// stop ends the process as Ctrl-C does, which must succeed.
func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("the process did not end cleanly: %v\n%s", err, p.output.String())
		}
	case <-time.After(30 * time.Second):
		p.kill()
		p.t.Error("the process did not end within 30 s of an interrupt")
	}
	p.cmd = nil
	if p.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(p.data, "cis-dev.log"))
		p.t.Logf("cis-dev's log ends with:\n%s", log[max(0, len(log)-4000):])
	}
}

// kill ends the process at once, in the middle of whatever it does.
func (p *process) kill() {
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGKILL))
	<-p.ended
	p.cmd = nil
}

func (p *process) url(path string) string { return "http://" + p.api + path }

// token gets a token of the development client, with fewer scopes where any
// are named.
func (p *process) token(scopes ...string) string {
	return p.tokenOf("dev", "dev-secret", scopes...)
}

func (p *process) tokenOf(client, secret string, scopes ...string) string {
	response, err := http.PostForm("http://"+p.issuer+"/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret},
		"audience": {"api.dev.sso.allizom.org"}, "scope": {strings.Join(scopes, " ")},
	})
	require.NoError(p.t, err)
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	require.NoError(p.t, json.NewDecoder(response.Body).Decode(&answer))
	require.NotEmpty(p.t, answer.Token)
	return answer.Token
}

// reply is an answer of the API.
type reply struct {
	status int
	text   string
	body   map[string]any
}

// call sends a request; the token "" means none.
func (p *process) call(method, path, token string, body []byte, headers ...string) (reply, error) {
	request, err := http.NewRequest(method, p.url(path), bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	r := reply{status: response.StatusCode, text: string(text)}
	_ = json.Unmarshal(text, &r.body)
	return r, err
}

func (p *process) must(method, path, token string, body []byte, headers ...string) reply {
	r, err := p.call(method, path, token, body, headers...)
	require.NoError(p.t, err)
	return r
}

func (p *process) post(body []byte, headers ...string) reply {
	return p.must(http.MethodPost, "/v2/user", p.token(), body, headers...)
}

// person reads a profile as somebody who may see everything; nil where there
// is none.
func (p *process) person(id string) *profile.Profile {
	r := p.must(http.MethodGet, "/v2/user/user_id/"+url.PathEscape(id)+"?active=any", p.token(), nil)
	require.Equal(p.t, http.StatusOK, r.status, r.text)
	if r.text == "{}" {
		return nil
	}
	read, err := profile.Parse([]byte(r.text))
	require.NoError(p.t, err)
	return read
}

// await asks for a change's status until it is in the state, and returns it.
func (p *process) await(number any, state string) reply {
	token := p.token()
	var last reply
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		last = p.must(http.MethodGet, fmt.Sprint("/v2/status?sequenceNumber=", number), token, nil)
		if last.body["state"] == state {
			return last
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.FailNow(p.t, "the change did not become "+state, last.text)
	return last
}

// salt is what people's pseudonyms are derived with.
func (p *process) salt() string {
	text, err := os.ReadFile(filepath.Join(p.data, "secrets.json"))
	require.NoError(p.t, err)
	var secrets struct{ Salt string }
	require.NoError(p.t, json.Unmarshal(text, &secrets))
	return secrets.Salt
}

// signer signs as a publisher, with the key that the process has generated.
func (p *process) signer(publisher string) *signing.Signer {
	signer, err := signing.FileStore{Dir: filepath.Join(p.data, "keys")}.Signer(context.Background(), publisher)
	require.NoError(p.t, err)
	return signer
}

// value is a value to publish, and whom it is shown to ("" for nobody).
type value struct {
	path  profile.Path
	value any
	shown string
}

// signed is a partial profile of a person, signed by a publisher.
func (p *process) signed(publisher, id string, values ...value) []byte {
	built, err := profile.Empty().Set(profile.UserID, id, time.Now())
	require.NoError(p.t, err)
	built, err = built.Show(profile.UserID, "public")
	require.NoError(p.t, err)
	paths := []profile.Path{profile.UserID}
	for _, v := range values {
		built, err = built.Set(v.path, v.value, time.Now())
		require.NoError(p.t, err)
		built, err = built.Show(v.path, v.shown)
		require.NoError(p.t, err)
		paths = append(paths, v.path)
	}
	built, err = p.signer(publisher).Profile(built, paths...)
	require.NoError(p.t, err)
	return built.JSON()
}

// newcomer is what the LDAP publisher says of a new person.
func (p *process) newcomer(id string, more ...value) []byte {
	return p.signed("ldap", id, append([]value{
		{"login_method", "ad", "public"}, {profile.Active, true, ""},
		{"first_name", "Ada", "public"}, {"last_name", "Lovelace", "staff"},
		{profile.PrimaryEmail, "ada@example.org", "ndaed"},
	}, more...)...)
}

// receiver is a webhook receiver whose answer can be set; 0 accepts.
type receiver struct {
	*http.Server
	address string

	mu       sync.Mutex
	held     *held // what the next request waits for, nil for nothing
	status   int
	says     string // what is in the answer with the status
	refused  string // the user_id whose deliveries alone get status; "" for all
	requests []delivery
}

// delivery is a request that a receiver accepted.
type delivery struct {
	authorization, id string
	trace             string
	body              map[string]any
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.address = "http://" + listener.Addr().String()
	r.Server = &http.Server{Handler: http.HandlerFunc(r.take)}
	go func() { _ = r.Serve(listener) }()
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// held is a request that a receiver lets wait.
type held struct {
	arrived chan struct{}
	release func()
	free    context.Context
}

// hold lets the next request wait.
func (r *receiver) hold() *held {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = &held{arrived: make(chan struct{})}
	r.held.free, r.held.release = context.WithCancel(context.Background())
	return r.held
}

// wait lets the request wait that is to.
func (r *receiver) wait() {
	r.mu.Lock()
	held := r.held
	r.held = nil
	r.mu.Unlock()
	if held != nil {
		close(held.arrived)
		<-held.free.Done()
	}
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	r.wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	d := delivery{authorization: request.Header.Get("Authorization"), id: request.Header.Get("webhook-id"), trace: request.Header.Get("traceparent")}
	_ = json.NewDecoder(request.Body).Decode(&d.body)
	if r.status != 0 && (r.refused == "" || r.refused == d.body["id"]) {
		w.WriteHeader(r.status)
		_, _ = io.WriteString(w, r.says)
		return
	}
	r.requests = append(r.requests, d)
}

func (r *receiver) answer(status int) { r.refuse("", status) }

// refuse gives the deliveries about one person, or all, this status.
func (r *receiver) refuse(id string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused, r.status = id, status
}

func (r *receiver) accepted() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery(nil), r.requests...)
}

// failsToStart starts a process that must end by itself with exit code 1, and
// returns what it said.
func failsToStart(p *process) string {
	p.launch()
	select {
	case err := <-p.ended:
		p.cmd = nil
		failed, ok := errors.AsType[*exec.ExitError](err)
		require.True(p.t, ok, "%v", err)
		require.Equal(p.t, 1, failed.ExitCode())
	case <-time.After(30 * time.Second):
		require.FailNow(p.t, "cis-dev did not end")
	}
	return p.output.String()
}
