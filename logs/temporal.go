package logs

import (
	"fmt"
	"log/slog"
	"strings"

	"go.temporal.io/sdk/log"
)

// Temporal is the logger of Temporal's SDK, for itself and for workflows and
// activities. Its entries have the change that they are about. The SDK logs
// errors, panics and results of what it runs as they are; of those it is said
// what they are, unless they are known to be harmless.
func Temporal(logger *slog.Logger) log.Logger { return &temporal{logger} }

type temporal struct{ logger *slog.Logger }

// The names of the SDK's attributes, and what the ids of workflows begin with.
const (
	workflowID  = "WorkflowID"
	changeStart = "change/"
)

// secret are the SDK's attributes whose values are of what it runs.
var secret = map[string]bool{"PanicError": true, "Result": true, "Input": true, "Args": true}

func (t *temporal) Debug(msg string, keyvals ...any) {
	t.logger.Debug(head(msg), attributes(keyvals)...)
}
func (t *temporal) Info(msg string, keyvals ...any) { t.logger.Info(head(msg), attributes(keyvals)...) }
func (t *temporal) Warn(msg string, keyvals ...any) { t.logger.Warn(head(msg), attributes(keyvals)...) }
func (t *temporal) Error(msg string, keyvals ...any) {
	t.logger.Error(head(msg), attributes(keyvals)...)
}

// head is a message without the error that the SDK may have added to it.
func head(msg string) string {
	first, _, _ := strings.Cut(msg, ": ")
	return first
}

func attributes(keyvals []any) []any {
	all := make([]any, 0, len(keyvals)+2)
	set, own := "", false
	for i := 0; i+1 < len(keyvals); i += 2 {
		key, value := fmt.Sprint(keyvals[i]), keyvals[i+1]
		own = own || key == Change
		if id, ok := value.(string); ok && key == workflowID && strings.HasPrefix(id, changeStart) {
			set = id[len(changeStart):]
		}
		if err, ok := value.(error); ok && !plain(err) {
			value = described(err)
		}
		if secret[key] {
			value = fmt.Sprintf("a %T", value)
		}
		all = append(all, key, value)
	}
	if set != "" && !own {
		all = append(all, Change, set)
	}
	return all
}

// described is what an error is that may hold anything.
func described(err error) string {
	if text := Text(err); text != err.Error() {
		return text
	}
	return fmt.Sprintf("a %T", err)
}
