package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
)

func TestWhatCannotStartSaysWhyInALine(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	occupied := filepath.Join(t.TempDir(), "occupied")
	require.NoError(t, os.WriteFile(occupied, nil, 0o600))
	for name, test := range map[string]struct {
		change func(*process)
		says   string
	}{
		"the API's port is in use":       {func(p *process) { p.api = busy.Addr().String() }, "address already in use"},
		"Temporal's port is in use":      {func(p *process) { p.temporal = busy.Addr().String() }, "address already in use"},
		"the UI's port is in use":        {func(p *process) { p.ui = busy.Addr().String() }, "address already in use"},
		"the directory's port is in use": {func(p *process) { p.ldap = busy.Addr().String() }, "address already in use"},
		"the issuer's port is in use":    {func(p *process) { p.issuer = busy.Addr().String() }, "address already in use"},
		"the data folder is a file":      {func(p *process) { p.data = occupied }, "not a directory"},
		"the data folder cannot be made": {func(p *process) { p.data = filepath.Join(occupied, "below") }, "not a directory"},
		"a webhook is no URL":            {func(p *process) { p.args = append(p.args, "--webhook", "x=nonsense") }, "URL"},
	} {
		t.Run(name, func(t *testing.T) {
			p := prepare(t, "--no-samples")
			test.change(p)
			said := failsToStart(p)
			require.Contains(t, said, test.says)
			require.Equal(t, 1, strings.Count(said, "\n"), said)
		})
	}
}

func TestADataFolderBelongsToOneProcess(t *testing.T) {
	t.Parallel()
	p := start(t)
	second := prepare(t, "--no-samples")
	second.data = p.data
	require.Contains(t, failsToStart(second), "in use by another cis-dev")
}

func TestStateIsKeptOverARestart(t *testing.T) {
	t.Parallel()
	p := start(t)
	r := p.post(p.newcomer(ada))
	p.await(r.body["sequence_number"], "Completed")
	token := p.token()
	p.stop()
	p.start()
	require.Equal(t, "Completed", p.await(r.body["sequence_number"], "Completed").body["state"])
	require.NotNil(t, p.person(ada))
	require.NotNil(t, p.entry(ada))
	require.Equal(t, http.StatusOK, p.must(http.MethodGet, "/v2/user/user_id/x", token, nil).status, "tokens stay valid")
	require.Equal(t, "noop", p.post(p.newcomer(ada)).body["condition"])
}

func TestASlowClientIsSentAway(t *testing.T) {
	t.Parallel()
	p := start(t)
	c, err := net.Dial("tcp", p.api)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("POST /v2/user HTTP/1.1\r\nHost: x\r\nX-Slow: "))
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = c.Read(make([]byte, 1024))
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is closed before that")
}

func TestTheSamplesAndTheCommandsToPaste(t *testing.T) {
	t.Parallel()
	p := prepare(t)
	p.launch()
	ready := func() bool { return strings.Contains(p.said(), "Ctrl-C stops.") }
	require.Eventually(t, ready, time.Minute, 50*time.Millisecond)
	said := p.said()
	require.Contains(t, said, "20 people created by three publishers, 5 changed")
	require.Contains(t, said, "1 change refused: invalid_publisher")
	require.Contains(t, said, "24 changes are in LDAP and at every receiver")
	require.Contains(t, said, "1 change waits for you: webhook/payroll")

	_, commands, ok := strings.Cut(said, "read it back.")
	require.True(t, ok)
	commands, _, _ = strings.Cut(commands, "Ctrl-C")
	proxy := newProxy(t)
	for _, condition := range []string{"create", "noop"} {
		pasted := exec.Command("bash", "-c", commands)
		pasted.Env = append(os.Environ(), through(proxy)...)
		out, err := pasted.CombinedOutput()
		require.NoError(t, err, string(out))
		lines := strings.Split(string(out), "\n")
		require.Contains(t, lines[0], `"condition":"`+condition+`"`)
		var shown map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[1]), &shown), lines[1])
		require.Equal(t, "Newt", shown["first_name"].(map[string]any)["value"])
	}
	p.stop()
	p.launch()
	require.Eventually(t, ready, time.Minute, 50*time.Millisecond)
	require.NotContains(t, p.said(), "people created", "the samples are made once")
}

// The reference data: what the original's publishers signed is taken as it is.
func TestProfilesThatTheOriginalSigned(t *testing.T) {
	t.Parallel()
	folder := testdata.Dir(t)
	p := start(t, "--well-known", filepath.Join(folder, "well-known-dev.json"), "--well-known", filepath.Join(folder, "well-known-builtin.json"))
	var export map[string]json.RawMessage
	testdata.ReadJSON(t, "ldap-profiles.json.xz", &export)
	require.Len(t, export, 2)
	for _, condition := range []string{"create", "noop"} {
		for name, body := range export {
			r := p.post(body)
			require.Equal(t, http.StatusOK, r.status, r.text)
			require.Equal(t, condition, r.body["condition"], name)
		}
	}
	for _, file := range testdata.Files(t, "signed/*.json") {
		body := testdata.Read(t, file)
		r := p.post(body)
		require.Equal(t, http.StatusForbidden, r.status, r.text)
		require.Equal(t, "uuid_or_primary_username_set", r.body["code"], file)
		var signed struct {
			UserID struct{ Value string } `json:"user_id"`
		}
		require.NoError(t, json.Unmarshal(body, &signed))
		require.Nil(t, p.person(signed.UserID.Value), url.PathEscape(signed.UserID.Value))
	}
}
