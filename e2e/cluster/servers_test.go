package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"cis/internal/freeport"
)

// deployed is a file of the repository's deployment.
func deployed(name string) string { return filepath.Join("..", "..", "deploy", name) }

// as lets a command run as its own user where the test is root, whom
// PostgreSQL refuses.
func (c *cluster) as(name string, command *exec.Cmd) *exec.Cmd {
	if os.Getuid() != 0 {
		return command
	}
	found, err := user.Lookup(name)
	require.NoError(c.t, err)
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	require.NoError(c.t, err)
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	require.NoError(c.t, err)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	command.Dir = c.folder // where it may be
	return command
}

const postgresUser = "postgres"

func (c *cluster) startPostgres() {
	// Whoever asks for it gets it: the port is on loopback.
	folder, secret := c.file("postgres"), c.write("postgres-password", []byte(password))
	require.NoError(c.t, os.Mkdir(folder, 0o777))
	require.NoError(c.t, os.Chmod(folder, 0o777))
	require.NoError(c.t, os.Chmod(secret, 0o644))
	data := filepath.Join(folder, "data")
	require.NoError(c.t, run(c.t.Context(), c.as(postgresUser, exec.Command("initdb", "-D", data, "-U", "temporal",
		"-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-locale"))))
	host, port := freePort(c.t)
	c.postgres = net.JoinHostPort(host, port)
	c.start(&process{
		name: "postgres",
		command: func() *exec.Cmd {
			return c.as(postgresUser, exec.Command("postgres", "-D", data, "-p", port, "-c", "listen_addresses="+host, "-k", folder,
				"-c", "max_connections=200"))
		},
		ready: func(ctx context.Context) error {
			return run(ctx, exec.CommandContext(ctx, "pg_isready", "-q", "-h", host, "-p", port, "-U", "temporal"))
		},
		end: os.Interrupt,
	})
}

// temporalEnvironment are the variables of deploy/temporal/temporal.yaml.
func (c *cluster) temporalEnvironment() []string {
	host, port, _ := net.SplitHostPort(c.postgres)
	dynamic, err := filepath.Abs(deployed("temporal/dynamic.yaml"))
	require.NoError(c.t, err)
	return append(os.Environ(), "POSTGRES_SEEDS="+host, "DB_PORT="+port, "POSTGRES_PASSWORD_FILE="+c.file("postgres-password"),
		"DYNAMIC_CONFIG_FILE_PATH="+dynamic, "SCHEMA_DIR="+os.Getenv("TEMPORAL_SCHEMA"), "LOG_LEVEL=warn")
}

func (c *cluster) startTemporal() {
	schema := exec.Command(deployed("temporal/schema"))
	schema.Env = c.temporalEnvironment()
	require.NoError(c.t, run(c.t.Context(), schema))
	env := c.temporalEnvironment()
	for _, name := range []string{"FRONTEND_GRPC", "FRONTEND_HTTP", "FRONTEND_MEMBERSHIP", "HISTORY_GRPC", "HISTORY_MEMBERSHIP",
		"MATCHING_GRPC", "MATCHING_MEMBERSHIP", "WORKER_GRPC", "WORKER_MEMBERSHIP"} {
		host, port := freePort(c.t)
		env = append(env, name+"_PORT="+port)
		if name == "FRONTEND_GRPC" {
			c.frontend = net.JoinHostPort(host, port)
		}
	}
	c.start(&process{
		name: "temporal",
		command: func() *exec.Cmd {
			command := exec.Command("temporal-server", "--config-file", deployed("temporal/temporal.yaml"), "--allow-no-auth", "start")
			command.Env = env
			return command
		},
		ready: func(ctx context.Context) error {
			temporal, err := client.NewLazyClient(client.Options{HostPort: c.frontend, Logger: silent{}})
			if err != nil {
				return err
			}
			defer temporal.Close()
			_, err = temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		},
	})
}

func (c *cluster) startDynamoDB() {
	folder := c.file("dynamodb")
	require.NoError(c.t, os.Mkdir(folder, 0o700))
	host, port := freePort(c.t)
	at := net.JoinHostPort(host, port)
	dynamodb := c.start(&process{
		name: "dynamodb",
		command: func() *exec.Cmd {
			command := exec.Command("java", "-Xmx1g", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar",
				"-dbPath", folder, "-sharedDb", "-disableTelemetry", "-port", port)
			command.Dir = os.Getenv("DYNAMODB_LOCAL")
			return command
		},
		ready: func(ctx context.Context) error { return answers(ctx, at) },
	})
	dynamodb.link = newLink(c.t, at)
	c.dynamo = dynamodb.link.address
}

func (c *cluster) startLDAP() {
	folder, secret := c.file("ldap"), c.write("ldap-password", []byte(password))
	require.NoError(c.t, os.Mkdir(folder, 0o700))
	c.ldap = freeport.Address(c.t)
	c.start(&process{
		name: "slapd",
		command: func() *exec.Cmd {
			command := exec.Command(deployed("ldap/start"))
			command.Env = append(os.Environ(), "LDAP_FOLDER="+folder, "LDAP_BASE="+baseDN, "LDAP_URLS=ldap://"+c.ldap+"/",
				"LDAP_PASSWORD_FILE="+secret, "LDAP_RUN="+filepath.Join(folder, "run"))
			return command
		},
		ready: func(ctx context.Context) error { return answers(ctx, c.ldap) },
	})
}

// silent is a logger of Temporal's clients: what matters comes as an error.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// tools are the programs that are looked for on the PATH.
var tools = strings.Fields("cis initdb postgres pg_isready temporal-server temporal-sql-tool java slapd")

// missing tells which part of the set-up is not there.
func missing() (err error) {
	for _, name := range tools {
		_, found := exec.LookPath(name)
		err = errors.Join(err, found)
	}
	for _, name := range []string{"DYNAMODB_LOCAL", "TEMPORAL_SCHEMA"} {
		if os.Getenv(name) == "" {
			err = errors.Join(err, errors.New(name+" is not set"))
		}
	}
	return err
}
