package payload_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"cis/payload"
)

// away is a codec whose keys cannot be had.
type away struct{}

var errAway = errors.New("the keys are away")

func (away) Encode([]*commonpb.Payload) ([]*commonpb.Payload, error) { return nil, errAway }
func (away) Decode([]*commonpb.Payload) ([]*commonpb.Payload, error) { return nil, errAway }

func TestOutsideOfWorkflowsACodecThatFailsIsAnError(t *testing.T) {
	c := payload.NewDataConverter(converter.GetDefaultDataConverter(), away{})
	_, err := c.ToPayload("x")
	require.ErrorIs(t, err, errAway)
	var said string
	require.ErrorIs(t, c.FromPayload(text("x"), &said), errAway)
}

func TestInAWorkflowACodecThatFailsStopsTheTask(t *testing.T) {
	c := payload.NewDataConverter(converter.GetDefaultDataConverter(), away{})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	reached := 0
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		inside := c.(workflow.ContextAware).WithWorkflowContext(ctx)
		var said string
		require.PanicsWithError(t, errAway.Error(), func() { _, _ = inside.ToPayload("x") })
		require.PanicsWithError(t, errAway.Error(), func() { _ = inside.FromPayload(text("x"), &said) })
		reached++
		return nil
	})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 1, reached)
}

func TestWhatIsEncryptedOutsideIsReadInWorkflows(t *testing.T) {
	c := payload.NewDataConverter(converter.GetDefaultDataConverter(), codec(t, "one", map[string][]byte{"one": secret(1)}))
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetDataConverter(c)
	env.ExecuteWorkflow(func(_ workflow.Context, name string) (string, error) { return "Ada " + name, nil }, "Lovelace")
	require.NoError(t, env.GetWorkflowError())
	var whole string
	require.NoError(t, env.GetWorkflowResult(&whole))
	require.Equal(t, "Ada Lovelace", whole)
}
