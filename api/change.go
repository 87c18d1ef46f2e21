package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cis/change"
	"cis/logs"
	"cis/profile"
	"cis/vault"
	"cis/workflows"
)

// MaxProfile is how large the body of one profile may be, in bytes.
const MaxProfile = 1 << 20

const idempotencyHeader = "Idempotency-Key"

// maxKey bounds the Idempotency-Key header.
const maxKey = 255

// changed is the answer to a change that was carried out. SequenceNumber is
// null for a no-op.
type changed struct {
	SequenceNumber *change.Number `json:"sequence_number"`
	StatusCode     int            `json:"status_code"`
	Condition      string         `json:"condition"`
}

// submitOne serves POST and PUT /v2/user.
func (s *server) submitOne(c *gin.Context) {
	set, problem := s.readOne(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	result, err := s.submit(c, set)
	if errors.Is(err, workflows.ErrPending) {
		c.JSON(http.StatusAccepted, changed{&set.Number, http.StatusAccepted, "pending"})
		return
	}
	if problem := s.refusal(c, set, result, err); problem != nil {
		fail(c, problem)
		return
	}
	c.JSON(http.StatusOK, answer(result.Outcomes[0]))
}

// submit carries a set of one change out, as far as the deadline allows.
func (s *server) submit(c *gin.Context, set change.Set) (change.Result, error) {
	s.about(c, set)
	deadlineOf(c).answer(s.Deadline)
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.Deadline)
	defer cancel()
	return s.Changes.Submit(ctx, set)
}

// refusal is why a set of one change was not carried out.
func (s *server) refusal(c *gin.Context, set change.Set, result change.Result, err error) *Error {
	switch {
	case errors.Is(err, workflows.ErrKeyReused):
		return keyReused()
	case err != nil:
		s.Logger.ErrorContext(c.Request.Context(), "submitting", logs.Change, set.Number, logs.Person, c.GetString(personKey), "error", err)
		return unavailable("changes cannot be taken now; send the same request again later")
	case len(result.Rejections) > 0:
		return rejected(result.Rejections[0])
	}
	return nil
}

func keyReused() *Error {
	return newError(http.StatusUnprocessableEntity, "idempotency_key_reused",
		"this Idempotency-Key came with another body before: use a new key for a new change")
}

// deleted is the answer to a deletion.
type deleted struct {
	Status         int            `json:"status"`
	Message        string         `json:"message"`
	Condition      string         `json:"condition"`
	SequenceNumber *change.Number `json:"sequence_number,omitempty"` // while it is pending
}

// delete serves DELETE /v2/user. The sequence number is in a header: clients
// know the body as it is.
func (s *server) delete(c *gin.Context) {
	set, problem := s.readOne(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	set.Changes[0].Delete = true
	set.Digest = digest([]byte("delete"), []byte(set.Digest))
	id := set.Changes[0].UserID
	result, err := s.submit(c, set)
	if errors.Is(err, workflows.ErrPending) {
		c.JSON(http.StatusAccepted, deleted{http.StatusAccepted, "user profile is being deleted for user: " + id, "pending", &set.Number})
		return
	}
	if problem := s.refusal(c, set, result, err); problem != nil {
		fail(c, problem)
		return
	}
	if o := result.Outcomes[0]; o.Condition == change.Delete {
		c.Header("X-Sequence-Number", string(o.Number))
	}
	c.JSON(http.StatusOK, deleted{Status: http.StatusOK, Message: "user profile deleted for user: " + id, Condition: string(change.Delete)})
}

func answer(o change.Outcome) changed {
	if o.Condition == change.NoOp {
		return changed{nil, http.StatusAccepted, string(o.Condition)}
	}
	return changed{&o.Number, http.StatusOK, string(o.Condition)}
}

// readOne makes a change set of a request with one profile.
func (s *server) readOne(c *gin.Context) (change.Set, *Error) {
	body, problem := readBody(c, MaxProfile)
	if problem != nil {
		return change.Set{}, problem
	}
	p, problem := parseProfile(body)
	if problem != nil {
		return change.Set{}, problem
	}
	asked := c.Query("user_id")
	if problem := validKey("user_id", asked); problem != nil {
		return change.Set{}, problem
	}
	id, problem := personOf(p, asked)
	if problem != nil {
		return change.Set{}, problem
	}
	key, problem := idempotencyKey(c)
	if problem != nil {
		return change.Set{}, problem
	}
	client := callerOf(c).client
	number, problem := numberFor(client, key)
	if problem != nil {
		return change.Set{}, problem
	}
	return change.Set{
		Number:  number,
		Client:  client,
		Request: c.GetString(requestIDKey),
		Trace:   c.GetString(traceKey),
		Digest:  digest([]byte(asked), body),
		Changes: []change.Submitted{{UserID: id, Profile: p.JSON()}},
	}, nil
}

// readBody reads a bounded request body.
func readBody(c *gin.Context, limit int64) ([]byte, *Error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, newError(http.StatusRequestEntityTooLarge, "payload_too_large",
			fmt.Sprintf("the body is larger than %d bytes", limit))
	}
	if err != nil {
		return nil, newError(http.StatusBadRequest, "malformed_json", "the body could not be read to its end")
	}
	return body, nil
}

// parseProfile reads a body as a profile, or as a JSON string that holds one,
// which is how some publishers send it.
func parseProfile(body []byte) (*profile.Profile, *Error) {
	if jsontext.Value(body).Kind() == '"' {
		var inner string
		if err := json.Unmarshal(body, &inner); err != nil {
			return nil, newError(http.StatusBadRequest, string(change.MalformedJSON), short(err.Error()))
		}
		body = []byte(inner)
	}
	p, err := profile.Parse(body)
	if errors.Is(err, profile.ErrNotObject) {
		return nil, newError(http.StatusBadRequest, string(change.InvalidProfile), "the body is JSON, but not an object: send one profile")
	}
	if err != nil {
		return nil, newError(http.StatusBadRequest, string(change.MalformedJSON), short(err.Error()))
	}
	return p, nil
}

// personOf tells whose profile it is: the one that the query names, which the
// profile must not contradict, or else the profile's own.
func personOf(p *profile.Profile, asked string) (string, *Error) {
	own := p.String(profile.UserID)
	switch {
	case asked != "" && own != "" && asked != own:
		return "", newError(http.StatusBadRequest, "integration_exception",
			"user_id query parameter does not match profile, that looks wrong")
	case len(own) > vault.MaxKey:
		return "", newError(http.StatusBadRequest, string(change.InvalidProfile),
			fmt.Sprintf("the user_id is longer than %d bytes", vault.MaxKey))
	case asked != "":
		return asked, nil
	case own != "":
		return own, nil
	}
	return "", newError(http.StatusBadRequest, string(change.InvalidProfile),
		"whose profile is this? It has no user_id; set that attribute or the query parameter user_id")
}

// idempotencyKey reads the header, "" where there is none.
func idempotencyKey(c *gin.Context) (key string, problem *Error) {
	given := slices.Compact(slices.Clone(c.Request.Header.Values(idempotencyHeader)))
	switch {
	case len(given) > 1:
		return "", newError(http.StatusBadRequest, "invalid_header", "there is more than one Idempotency-Key")
	case len(given) == 1 && len(given[0]) > maxKey:
		return "", newError(http.StatusBadRequest, "invalid_header",
			fmt.Sprintf("the Idempotency-Key is longer than %d bytes", maxKey))
	}
	return strings.Join(given, ""), nil
}

// numberFor gives the change its sequence number: a new one, or the one that
// belongs to the client's idempotency key.
func numberFor(client, key string) (change.Number, *Error) {
	if key != "" {
		return change.KeyedNumber(client, key), nil
	}
	number, err := change.NewNumber()
	if err != nil {
		return "", unavailable("no sequence number could be made")
	}
	return number, nil
}

// digest identifies the parts of a request.
func digest(parts ...[]byte) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:", len(part))
		_, _ = sum.Write(part) // never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}
