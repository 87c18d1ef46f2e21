package logs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"cis/logs"
	"cis/webhook"
)

// secret stands for what is in a profile.
const secret = "Lovelace"

func TestErrorsAreLoggedWithoutWhatOthersHaveSaid(t *testing.T) {
	refused := &webhook.Refused{Subscription: "payroll", Status: 500, Answer: "who is " + secret}
	for name, test := range map[string]struct {
		err  error
		says string
	}{
		"one that knows what to hide":   {refused, "subscription payroll answered 500 Internal Server Error"},
		"one that is wrapped":           {fmt.Errorf("delivering: %w", refused), "subscription payroll answered 500 Internal Server Error"},
		"an activity's":                 {temporal.NewApplicationError("who is "+secret, "retry"), "an error of type retry"},
		"an activity's that is wrapped": {fmt.Errorf("storing: %w", temporal.NewApplicationError(secret, "Parked")), "an error of type Parked"},
		"any other":                     {errors.New("no route"), "no route"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			logs.New(&out, slog.LevelInfo).With("component", "api").Error("failed", "error", test.err)
			require.Contains(t, out.String(), fmt.Sprintf(`"msg":"failed","component":"api","error":%q}`, test.says))
			require.NotContains(t, out.String(), secret)
		})
	}
}

func TestWhatIsLoggedOfARequestHasItsID(t *testing.T) {
	var out bytes.Buffer
	log := logs.New(&out, slog.LevelInfo).With("component", "api").WithGroup("vault")
	log.InfoContext(logs.Of(context.Background(), "monday-1"), "read")
	require.Contains(t, out.String(), `"request_id":"monday-1"`)
	out.Reset()
	log.Info("read")
	require.NotContains(t, out.String(), "request_id")
	log.Debug("read")
	require.NotContains(t, out.String(), "DEBUG")
}

func TestPanicsAreLoggedWithTheirPlaceOnly(t *testing.T) {
	for name, test := range map[string]struct {
		panics func()
		says   string
	}{
		"with a text":     {func() { panic(secret + " is unknown") }, "a string"},
		"with an error":   {func() { panic(errors.New(secret)) }, "a *errors.errorString"},
		"by the runtime":  {func() { var none []int; _ = none[len(secret)] }, "runtime error: index out of range [8] with length 0"},
		"of a conversion": {func() { var any any = secret; _ = any.(int) }, "interface conversion: interface {} is string, not int"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			func() {
				defer func() { logs.New(&out, slog.LevelInfo).Error("panic", logs.Panic(recover())) }()
				test.panics()
			}()
			require.Contains(t, out.String(), fmt.Sprintf(`"cause":%q`, test.says))
			require.Contains(t, out.String(), "logs_test.go")
			require.NotContains(t, out.String(), secret)
		})
	}
}

func TestTheSDKsEntriesNameTheChangeAndNothingThatItRuns(t *testing.T) {
	for name, test := range map[string]struct {
		msg     string
		keyvals []any
		says    string
	}{
		"an activity's error":    {"Activity error.", []any{"WorkflowID", "change/128", "Error", temporal.NewApplicationError(secret, "retry")}, `"Error":"an error of type retry","change":"128"`},
		"any error":              {"Failed.", []any{"Error", errors.New(secret)}, `"Error":"a *errors.errorString"`},
		"a panic":                {"Activity panic.", []any{"PanicError", secret, "PanicStack", "at x.go:1"}, `"PanicError":"a string","PanicStack":"at x.go:1"`},
		"a result":               {"Activity complete after timeout.", []any{"Result", []string{secret}}, `"Result":"a []string"`},
		"an error in the text":   {"Workflow task postprocess error: " + secret, nil, `"msg":"Workflow task postprocess error"`},
		"a server's error":       {"Failed to poll.", []any{"Error", serviceerror.NewUnavailable("no frontend")}, `"Error":"no frontend"`},
		"a network's error":      {"Failed to poll.", []any{"Error", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}}, `"Error":"dial tcp: refused"`},
		"the end of a context":   {"Failed to poll.", []any{"Error", fmt.Errorf("polling: %w", context.Canceled)}, `"Error":"polling: context canceled"`},
		"a change of a set":      {"decided", []any{"WorkflowID", "change/128", "change", "129"}, `"WorkflowID":"change/128","change":"129"}`},
		"another workflow":       {"decided", []any{"WorkflowID", "sweep"}, `"WorkflowID":"sweep"}`},
		"an LDAP error, wrapped": {"Failed.", []any{"Error", fmt.Errorf("x: %w", ldap.NewError(19, errors.New(secret)))}, `"Error":"a *fmt.wrapError"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := logs.Temporal(logs.New(&out, slog.LevelDebug))
			for level, say := range map[string]func(string, ...any){"DEBUG": log.Debug, "INFO": log.Info, "WARN": log.Warn, "ERROR": log.Error} {
				out.Reset()
				say(test.msg, test.keyvals...)
				require.Contains(t, out.String(), `"level":"`+level+`"`)
				require.Contains(t, out.String(), test.says)
				require.NotContains(t, out.String(), secret)
			}
		})
	}
}
