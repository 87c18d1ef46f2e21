package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"cis/change"
	"cis/directory"
	"cis/profile"
	"cis/vault"
	"cis/vault/dynamo"
)

func (c *cluster) vault() (vault.Store, error) {
	return dynamo.Open(c.t.Context(), aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://" + c.dynamo),
	}, environment)
}

// count counts the changes in Temporal that a query selects.
func count(ctx context.Context, temporal client.Client, query string) (int, error) {
	answer, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query})
	return int(answer.GetCount()), err
}

// awaitPublished waits until every change has come to its end, and none of them
// to a bad one.
func (c *cluster) awaitPublished(changes int) {
	temporal, err := client.NewLazyClient(client.Options{HostPort: c.frontend, Namespace: namespace, Logger: silent{}})
	require.NoError(c.t, err)
	defer temporal.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), allTimeout)
	defer cancel()
	found := map[string]int{}
	for found[`CisState = "Completed"`] < changes {
		for _, query := range []string{`CisState = "Completed"`, `CisState = "Publishing"`, `CisState = "Integrating"`, `CisState = "NeedsAttention"`} {
			found[query], err = count(ctx, temporal, query)
			require.NoError(c.t, err)
		}
		require.Zero(c.t, found[`CisState = "NeedsAttention"`], "an outage was shorter than the retries")
		require.NoError(c.t, ctx.Err(), "%v", found)
		time.Sleep(100 * time.Millisecond)
	}
	for query, want := range map[string]int{
		"": changes, `ExecutionStatus = "Completed"`: changes, `ExecutionStatus = "Running"`: 0, `CisState = "Completed"`: changes,
	} {
		require.Eventually(c.t, func() bool {
			found, err := count(ctx, temporal, query)
			return err == nil && found == want
		}, time.Minute, time.Second, "%q is not of %d changes", query, want)
	}
}

// verify compares what was acknowledged with the vault, the vault with the
// directory, and with what receivers were told.
func (c *cluster) verify(l *load) {
	store, err := c.vault()
	require.NoError(c.t, err)
	defer store.Close()
	people, err := directory.Open(directory.Config{URL: "ldap://" + c.ldap, BindDN: bindDN, Password: password, BaseDN: baseDN,
		Timeout: time.Minute, Connections: 1})
	require.NoError(c.t, err)
	defer people.Close()

	changes, numbers := map[string][]acknowledged{}, []string{}
	for _, a := range l.all {
		changes[a.person] = append(changes[a.person], a)
		numbers = append(numbers, string(a.number))
	}
	require.Len(c.t, changes, l.size.people)
	log, err := store.Applied(c.t.Context(), numbers...)
	require.NoError(c.t, err)
	require.Len(c.t, log, len(l.all), "a change that was acknowledged is not in the vault")
	for id, of := range changes {
		c.verifyPerson(id, of, log, store, people)
	}
	for _, p := range c.processes {
		if strings.HasPrefix(p.name, "api") || strings.HasPrefix(p.name, "worker") {
			require.Zero(c.t, p.itself, "%s ended by itself", p.name)
			said, err := os.ReadFile(p.log)
			require.NoError(c.t, err)
			require.NotContains(c.t, string(said), "panic", p.name)
			require.NotContains(c.t, string(said), "TMPRL1100", "%s could not go on with a change that it took over", p.name)
		}
	}
}

func (c *cluster) verifyPerson(id string, changes []acknowledged, log map[string]vault.Applied, store vault.Store, people *directory.Directory) {
	revision := func(n change.Number) int64 { return log[string(n)].Revision }
	slices.SortFunc(changes, func(a, b acknowledged) int { return int(revision(a.number) - revision(b.number)) })
	last := map[profile.Path]planned{}
	for i, a := range changes {
		entry := log[string(a.number)]
		require.Equal(c.t, id, entry.ID, a.key)
		require.EqualValues(c.t, i+1, entry.Revision, "%s: the revisions have a gap, or one is there twice", id)
		last[a.path] = a.planned
	}
	newest := int64(len(changes))
	records, err := store.Get(c.t.Context(), id)
	require.NoError(c.t, err)
	require.Equal(c.t, newest, records[id].Revision, id)
	require.EqualValues(c.t, changes[newest-1].number, records[id].SequenceNumber, id)
	stored, err := profile.Parse(records[id].Profile)
	require.NoError(c.t, err)
	for path, p := range last {
		switch {
		case p.groups != nil:
			require.ElementsMatch(c.t, unique(p.groups), names(stored, path), "%s %s", id, path)
		case path != "":
			require.Equal(c.t, p.text, stored.String(path), "%s %s", id, path)
		}
	}

	shown, err := people.Entry(c.t.Context(), profile.PersonUUID(salt, id).String())
	require.NoError(c.t, err)
	require.Equal(c.t, strconv.FormatInt(newest, 10), shown.GetAttributeValue("cisRevision"), id)
	groups := []string{}
	for prefix, path := range map[string]profile.Path{"ldap:": ldapGroups, "mozilliansorg:": peopleGroups} {
		for _, name := range names(stored, path) {
			groups = append(groups, prefix+name)
		}
	}
	require.ElementsMatch(c.t, groups, shown.GetAttributeValues("cisGroup"), id)
	for attribute, want := range map[string]string{
		"cisUserId": id, "cisActive": "TRUE", "description": stored.String("description"), "givenName": stored.String("first_name"),
		"sn": stored.String("last_name"), "cn": fmt.Sprintf("%s %s", stored.String("first_name"), stored.String("last_name")),
		"mail": stored.String(profile.PrimaryEmail), "cisUsername": stored.String(profile.PrimaryUsername),
	} {
		require.Equal(c.t, want, shown.GetAttributeValue(attribute), "%s %s", id, attribute)
	}
	for _, r := range c.receivers {
		require.Equal(c.t, newest, r.newest[id], "%s was not told of the newest revision of %s", r.name, id)
	}
}

// names are the names of a person's groups.
func names(p *profile.Profile, path profile.Path) []string {
	all := []string{}
	for _, e := range p.Values(path) {
		all = append(all, e.Key)
	}
	return all
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
