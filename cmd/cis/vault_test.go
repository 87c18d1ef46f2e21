package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cis/internal/dynamolocal"
	"cis/vault"
	"cis/vault/dynamo"
	"cis/vault/sqlite"
)

// asCommand makes the test binary the command itself.
const asCommand = "CIS_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(dynamolocal.Run(m))
}

// cis runs the command with nothing in its environment that says where a vault
// is, and returns what it printed and its exit code.
func cis(t *testing.T, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = []string{asCommand + "=1", "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestAVaultInDynamoDBIsMadeCheckedAndIndexed(t *testing.T) {
	config, environment := dynamolocal.Config(t), "test-"+rand.Text()
	where := []string{"--vault-driver", "dynamodb", "--vault-table-prefix", environment, "--vault-dynamodb-endpoint", dynamolocal.Endpoint()}
	vaultCommand := func(name string) (string, int) { return cis(t, append([]string{"vault", name}, where...)...) }
	main := environment + "-identity-vault"

	said, code := vaultCommand("check")
	require.Equal(t, 1, code)
	require.Equal(t, "table "+main+` does not exist: run "cis vault init"`+"\n"+
		"table "+main+`-index does not exist: run "cis vault init"`+"\ncis: 2 differences\n", said)
	said, code = vaultCommand("reindex")
	require.Equal(t, 1, code)
	require.Equal(t, "cis: vault "+main+`: one of its tables, or both, do not exist: "cis vault check" says which, "cis vault init" creates them`+"\n", said)

	said, code = vaultCommand("init")
	require.Zero(t, code)
	require.Equal(t, "Table "+main+" was created.\nTable "+main+"-index was created.\n", said)
	said, code = vaultCommand("init")
	require.Zero(t, code)
	require.Equal(t, "Both tables exist, there was nothing to do.\n", said)
	said, code = vaultCommand("check")
	require.Zero(t, code)
	require.Equal(t, "Both tables are as they must be.\n", said)
	said, code = vaultCommand("reindex")
	require.Zero(t, code)
	require.Equal(t, "The search index is complete, there was nothing to do.\n", said)

	_, err := dynamodb.NewFromConfig(config).PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &main, Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: "a"}, "sequence_number": &types.AttributeValueMemberS{Value: "1"},
		"active":  &types.AttributeValueMemberBOOL{Value: true},
		"profile": &types.AttributeValueMemberS{Value: `{"access_information":{"ldap":{"values":{"vpn":null}}}}`},
	}})
	require.NoError(t, err)
	said, code = vaultCommand("reindex")
	require.Zero(t, code)
	require.Contains(t, said, "\n1 people were indexed. The search index is complete.\n")
	store, err := dynamo.Open(context.Background(), config, environment)
	require.NoError(t, err)
	defer store.Close()
	found, err := store.List(context.Background(), vault.Query{Limit: 10, With: []vault.Term{{Attribute: "access_information.ldap", Value: "vpn"}}})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestAVaultInAFileIsIndexedAndHasNoTables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vault.db")
	missing := "cis: vault.file: stat " + file + ": no such file or directory\n"
	said, code := cis(t, "vault", "reindex", "--vault-file", file)
	require.Equal(t, 1, code)
	require.Equal(t, missing, said)
	require.NoFileExists(t, file)
	store, err := sqlite.Open(file)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	said, code = cis(t, "vault", "reindex", "--vault-file", file)
	require.Zero(t, code)
	require.Equal(t, "The search index is complete, there was nothing to do.\n", said)
	for _, name := range []string{"init", "check"} {
		said, code = cis(t, "vault", name, "--vault-file", file)
		require.Equal(t, 1, code)
		require.Equal(t, "cis: vault.driver is sqlite, and such a vault has no tables: for one in DynamoDB set vault.driver to dynamodb\n", said)
	}
	command := exec.CommandContext(t.Context(), "/proc/self/exe", "vault", "check", "--vault-driver", "dynamodb")
	command.Env = []string{asCommand + "=1"}
	text, err := command.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "cis: vault: there is no AWS region: set AWS_REGION, or a region in the profile that AWS_PROFILE names\n", string(text))
	said, code = cis(t, "vault", "check", "--vault-driver", "mongo")
	require.Equal(t, 1, code)
	require.Contains(t, said, "--vault-driver: \"mongo\" is no driver")
}
