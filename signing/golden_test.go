package signing_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
	"cis/signing"
)

// goldenChange is a request to the original's Change API and its answer.
type goldenChange struct {
	Seq     int             `json:"seq"`
	Name    string          `json:"name"`
	Service string          `json:"service"`
	Method  string          `json:"method"`
	Path    string          `json:"path"`
	Query   string          `json:"query"`
	Body    json.RawMessage `json:"body_json"`
	Status  int             `json:"status"`
	Answer  json.RawMessage `json:"response_json"`
}

// verdict is what the original decided: a condition, or the code of a refusal
// with its description where that is the same in ours.
func (c goldenChange) verdict() string {
	var answer struct{ Condition, Code, Description string }
	if json.Unmarshal(c.Answer, &answer) != nil {
		return fmt.Sprint(c.Status)
	}
	switch {
	case answer.Condition != "":
		return answer.Condition
	case answer.Code == "invalid_publisher":
		return answer.Code + " " + answer.Description
	}
	return answer.Code
}

// TestTheOriginalsDecisions replays what the original was asked to change, one
// profile at a time, and decides on each with the merge, the publisher rules
// and the signatures.
func TestTheOriginalsDecisions(t *testing.T) {
	rules, err := profile.ParseRules(testdata.Read(t, "golden/well-known/mozilla-iam-publisher-rules"))
	require.NoError(t, err)
	v := signing.NewVerifier(keySets(t, testdata.WellKnownGolden))
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

	// Where ours decides otherwise, and why.
	ours := map[string]string{
		// 1 is not true, or a signature would cover two readings.
		"verified 1 instead of true": "invalid_signature",
		// The original describes it as 'shoe_size'.
		"schema-invalid unknown attribute": "invalid_publisher [create] ldap is NOT allowed to publish field shoe_size",
		// What is null on both sides is no change, whatever its metadata.
		"create with primary_email null but other metadata": "create",
		// An incoming last_modified never counts on an update.
		"update last_modified by ldap": "noop",
		// How active is shown is like how any attribute is shown; the original
		// looks at the value of active alone when nothing else differs.
		"display change of active by mozilliansorg": "update",
		// Nobody but ldap, hris, access_provider and cis changes active.
		"deactivate by mozilliansorg": "invalid_publisher [update] mozilliansorg is NOT allowed to publish field active",
	}
	stored := map[string]*profile.Profile{}
	store := func(id string, after *profile.Profile) {
		if stored[id] == nil {
			after, err = profile.Initialise(after, "golden-test-salt", now)
			require.NoError(t, err)
		}
		stored[id], err = profile.Touch(after, now)
		require.NoError(t, err)
	}
	before := func(id string) *profile.Profile {
		if p := stored[id]; p != nil {
			return p
		}
		return profile.Empty()
	}
	decided, deviating := 0, 0
	for _, file := range testdata.Files(t, "golden/cases/*.json") {
		var c goldenChange
		testdata.ReadJSON(t, file, &c)
		original := c.verdict()
		if c.Service != "change" || c.Method == "DELETE" || len(c.Body) == 0 {
			continue
		}
		if c.Path == "/v2/users" {
			var batch []json.RawMessage
			if c.Status == 200 && json.Unmarshal(c.Body, &batch) == nil {
				for _, body := range batch {
					incoming, err := profile.Parse(unquoted(body))
					require.NoError(t, err, c.Name)
					id := incoming.String(profile.UserID)
					if after, changed := profile.Merge(before(id), incoming); len(changed) > 0 {
						store(id, after)
					}
				}
			}
			continue
		}
		if c.Status != 200 && !strings.HasPrefix(original, "invalid_publisher") && original != "invalid_signature" && original != "uuid_or_primary_username_set" {
			continue // refused before the profile was looked at
		}
		incoming, err := profile.Parse(unquoted(c.Body))
		require.NoError(t, err, c.Name)
		query, err := url.ParseQuery(c.Query)
		require.NoError(t, err)
		id := query.Get("user_id")
		if id == "" {
			id = incoming.String(profile.UserID)
		}
		after, changed := profile.Merge(before(id), incoming)
		decision := decide(t, rules, v, id, before(id), after, changed)
		decided++
		want := original
		if expected, deviates := ours[c.Name]; deviates {
			require.NotEqual(t, original, expected)
			want, deviating = expected, deviating+1
		}
		require.Equal(t, want, decision, "%d %s", c.Seq, c.Name)
		if c.Status == 200 && original != "noop" {
			store(id, after)
		}
	}
	require.Len(t, ours, deviating)
	require.Greater(t, decided, 60)
}

// unquoted returns a body that is a JSON string of a profile as the profile.
func unquoted(body json.RawMessage) []byte {
	var text string
	if json.Unmarshal(body, &text) == nil {
		return []byte(text)
	}
	return body
}

func decide(t *testing.T, rules *profile.Rules, v *signing.Verifier, id string, before, after *profile.Profile, changed []profile.Path) string {
	condition := "update"
	if before == profile.Empty() {
		condition = "create"
		if !after.Get(profile.UUID).IsNull() || !after.Get(profile.PrimaryUsername).IsNull() {
			return "uuid_or_primary_username_set"
		}
	} else if len(changed) == 0 {
		return "noop"
	}
	if violation := rules.Check(before, after); violation != nil {
		return "invalid_publisher " + violation.Error()
	}
	for _, path := range changed {
		err := v.Verify(t.Context(), id, path, after.Get(path))
		if _, ok := errors.AsType[*signing.Invalid](err); ok {
			return "invalid_signature"
		}
		require.NoError(t, err)
	}
	return condition
}
