// Package dynamolocal runs DynamoDB Local, Amazon's own test server, for tests.
package dynamolocal

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// startTimeout is how long the server may take to start.
const startTimeout = time.Minute

var server struct {
	once     sync.Once
	process  *exec.Cmd
	endpoint string
	err      error
}

// Run runs a package's tests, for its TestMain, and stops the server after
// them.
func Run(m *testing.M) int {
	defer func() {
		if server.process != nil {
			_ = server.process.Process.Kill()
			_ = server.process.Wait() // says that it was killed
		}
	}()
	return m.Run()
}

// Config says where the server is, which it starts for the first test that
// asks. It keeps everything in memory. A test that cannot have it is skipped,
// or fails where CIS_REQUIRE_TOOLS is set.
func Config(t testing.TB) aws.Config {
	t.Helper()
	server.once.Do(start)
	if server.err != nil && os.Getenv("CIS_REQUIRE_TOOLS") == "" {
		t.Skipf("NOT TESTED: DynamoDB Local cannot be started (deploy/test/setup installs what it needs): %v", server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	return aws.Config{
		Region:       "eu-central-1", // any will do
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: &server.endpoint,
	}
}

// Endpoint is the server's address, after Config.
func Endpoint() string { return server.endpoint }

func start() {
	server.endpoint, server.process, server.err = startServer()
}

func startServer() (endpoint string, process *exec.Cmd, err error) {
	folder, err := installed()
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	var said bytes.Buffer
	cmd := exec.Command("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar",
		"-inMemory", "-sharedDb", "-disableTelemetry", "-port", port)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &said, &said
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	address := net.JoinHostPort("127.0.0.1", port)
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			return "http://" + address, cmd, connection.Close()
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return "", nil, fmt.Errorf("DynamoDB Local does not answer at %s: %s", address, said.Bytes())
}

// installed returns the folder of DynamoDB Local, fetched if need be.
func installed() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "deploy", "test", "dynamodb-local")).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("deploy/test/dynamodb-local: %w: %s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func repository() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(string(out)), err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
