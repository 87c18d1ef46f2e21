package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"cis/change"
	"cis/workflows"
)

// profileStream reads a body that is an array of profiles, one at a time.
type profileStream struct {
	decoder  *jsontext.Decoder
	body     *profileReader
	deadline deadline
	started  bool
	index    int
	until    time.Time // when all of it must have come
}

// streamed is one element of the array.
type streamed struct {
	index int
	text  jsontext.Value // valid until the next one is read
}

// patience is how long a client may take for each profile of a batch: a long
// body has more time than a short one, and one that stands still has none.
const patience = 30 * time.Second

// maxBatchTime is how long all of a batch may take to come: its sets do not wait
// for ever.
const maxBatchTime = workflows.HoldFor / 2

func newProfileStream(c *gin.Context) *profileStream {
	body := &profileReader{body: http.MaxBytesReader(c.Writer, c.Request.Body, MaxBatchBytes)}
	return &profileStream{decoder: jsontext.NewDecoder(body), body: body, deadline: deadlineOf(c), until: time.Now().Add(maxBatchTime)}
}

// profileReader ends a body in which a profile is too large, before it is in
// memory.
type profileReader struct {
	body      io.Reader
	read, end int64
}

var errProfileTooLarge = errors.New("a profile is too large")

func (r *profileReader) Read(p []byte) (int, error) {
	if r.read >= r.end {
		return 0, errProfileTooLarge
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.read)])
	r.read += int64(n)
	return n, err
}

// next returns the next element, nil after the last.
func (s *profileStream) next() (*streamed, *Error) {
	s.deadline.read(patience)
	s.body.end = s.decoder.InputOffset() + MaxProfile + 1
	if !s.started {
		if kind := s.decoder.PeekKind(); kind != '[' && kind != 0 {
			return nil, newError(http.StatusBadRequest, string(change.InvalidProfile), "the body is JSON, but not an array: send a list of profiles")
		}
		if _, err := s.decoder.ReadToken(); err != nil {
			return nil, s.explain(err)
		}
		s.started = true
	}
	if s.decoder.PeekKind() == ']' {
		return nil, s.finish()
	}
	if time.Now().After(s.until) {
		return nil, newError(http.StatusRequestTimeout, "request_timeout",
			fmt.Sprintf("the body has not come to its end in %s: send the batch in several", maxBatchTime))
	}
	if s.index == MaxBatch {
		return nil, newError(http.StatusBadRequest, "too_many_profiles",
			fmt.Sprintf("the batch has more than %d profiles: send it in several", MaxBatch))
	}
	text, err := s.decoder.ReadValue()
	if err != nil {
		return nil, s.explain(err)
	}
	s.index++
	return &streamed{s.index - 1, text}, nil
}

// finish makes sure that nothing follows the array.
func (s *profileStream) finish() *Error {
	if _, err := s.decoder.ReadToken(); err != nil {
		return s.explain(err)
	}
	if _, err := s.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return newError(http.StatusBadRequest, string(change.MalformedJSON), "something follows the array")
	}
	return nil
}

func (s *profileStream) explain(err error) *Error {
	at := fmt.Sprintf("profile %d", s.index)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return newError(http.StatusRequestEntityTooLarge, "payload_too_large",
			fmt.Sprintf("the body is larger than %d bytes: send the batch in several", MaxBatchBytes))
	}
	if errors.Is(err, errProfileTooLarge) {
		return newError(http.StatusRequestEntityTooLarge, "payload_too_large", fmt.Sprintf("%s is larger than %d bytes", at, MaxProfile))
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return newError(http.StatusBadRequest, string(change.MalformedJSON), at+" has a member twice")
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return newError(http.StatusBadRequest, string(change.MalformedJSON),
			fmt.Sprintf("%s: the body is not JSON, from byte %d on", at, syntactic.ByteOffset))
	}
	return newError(http.StatusBadRequest, string(change.MalformedJSON), at+": the body could not be read to its end")
}
