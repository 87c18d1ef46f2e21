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
	where := []string{"--environment", environment, "--dynamodb-endpoint", dynamolocal.Endpoint()}
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

func TestWhereTheVaultIsMustBeSaidOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vault.db")
	store, err := sqlite.Open(file)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	for want, args := range map[string][]string{
		"cis: say where the vault is: --vault FILE, or --environment ENVIRONMENT for DynamoDB\n":         {"reindex"},
		"cis: say one of --vault and --environment (CIS_VAULT and CIS_ENVIRONMENT count, too)\n":         {"reindex", "--vault", file, "--environment", "x"},
		"cis: say whose tables it is about: --environment, or CIS_ENVIRONMENT\n":                         {"init"},
		"cis: --dynamodb-endpoint: \"nonsense\" is no URL such as http://127.0.0.1:8000\n":               {"check", "--environment", "x", "--dynamodb-endpoint", "nonsense"},
		"cis: --environment: \"a b\" cannot be part of a table's name: letters, digits and _-. can be\n": {"check", "--environment", "a b"},
	} {
		said, code := cis(t, append([]string{"vault"}, args...)...)
		require.Equal(t, 1, code)
		require.Equal(t, want, said)
	}
	said, code := cis(t, "vault", "reindex", "--vault", file)
	require.Zero(t, code)
	require.Equal(t, "The search index is complete, there was nothing to do.\n", said)
}
