package change

import "errors"

// Kind says what is to be done about a failure.
type Kind string

// The kinds. Whoever makes an error knows its kind; whoever handles it looks
// at nothing else.
const (
	// Retry: the other side may work next time (down, busy, timed out).
	Retry Kind = "retry"
	// Conflict: the state has moved on; read it again and start over.
	Conflict Kind = "conflict"
	// Park: trying again cannot help until a person has mended something.
	Park Kind = "park"
)

// Failure is an error with its kind. Its message is shown to operators: it
// names what failed and never holds a profile's values.
type Failure struct {
	Kind Kind
	Err  error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error that was given its kind.
func (f *Failure) Unwrap() error { return f.Err }

// As gives err a kind; nil stays nil.
func As(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Failure{Kind: kind, Err: err}
}

// KindOf returns err's kind. An error that was given none is Retry: a failure
// that nobody has thought of must lose nothing.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Kind
	}
	return Retry
}
