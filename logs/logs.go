// Package logs makes the program's log: JSON, an entry a line, about changes,
// people by their pseudonyms, and requests, with nothing of a profile.
//
// Errors may say more than a log may hold: a receiver's answer, a directory's
// complaint or a panic can repeat what CIS sent. So those that can carry such
// text implement slog.LogValuer, and are logged as they say, also where they are
// wrapped.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/status"
)

// The attributes that an entry is found by.
const (
	Change  = "change"     // sequence number of a change, or of its set
	Person  = "person"     // pseudonym of whom it is about
	Request = "request_id" // X-Request-Id of the request that it came with
)

// New returns a log of what is at least this important.
func New(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(handler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shown})})
}

type requestKey struct{}

// Of returns a context of a request: what is logged with it has the request's
// id.
func Of(ctx context.Context, request string) context.Context {
	return context.WithValue(ctx, requestKey{}, request)
}

// handler adds what the context tells.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestKey{}).(string); ok {
		r.AddAttrs(slog.String(Request, id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

// shown is an attribute as it is logged.
func shown(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(Text(err))
	}
	return a
}

// Text is what a log may say of an error.
func Text(err error) string {
	var hides slog.LogValuer
	if errors.As(err, &hides) {
		return hides.LogValue().String()
	}
	// Errors of the SDK that have the text of an activity's in them.
	if typed, ok := errors.AsType[interface {
		error
		Type() string
	}](err); ok {
		return "an error of type " + typed.Type()
	}
	return err.Error()
}

// Panic is what a log may say of a panic: what it was about only where that is
// the runtime's word, and where it was.
func Panic(cause any) slog.Attr {
	text := fmt.Sprintf("a %T", cause)
	if err, ok := cause.(runtime.Error); ok {
		text = err.Error()
	}
	return slog.Group("panic", slog.String("cause", text), slog.String("stack", string(debug.Stack())))
}

// plain tells errors that are about connections and servers alone.
func plain(err error) bool {
	var network net.Error
	var service serviceerror.ServiceError
	_, isStatus := status.FromError(err)
	return isStatus || errors.As(err, &network) || errors.As(err, &service) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
