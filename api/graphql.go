package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/graph-gophers/graphql-go"
	graphqlerrors "github.com/graph-gophers/graphql-go/errors"
	graphqllog "github.com/graph-gophers/graphql-go/log"

	"cis/change"
	"cis/logs"
)

//go:embed schema.graphql
var graphSchema string

// What a GraphQL query may cost. A query for every attribute of a page has some
// 1,200 selections and is 5 KB long; the tools' query for the schema itself is
// 13 deep.
const (
	maxGraphBody       = 256 << 10
	maxGraphQuery      = 64 << 10
	maxGraphDepth      = 15
	maxGraphSelections = 5000
	maxGraphPeople     = 100
	// maxGraphPairs bounds the comparing of fields that may be in each other's way.
	maxGraphPairs = 100_000
)

// newGraph returns the executable schema.
func (s *server) newGraph() *graphql.Schema {
	return graphql.MustParseSchema(graphSchema, &graphQuery{s},
		graphql.UseFieldResolvers(), graphql.UseStringDescriptions(),
		graphql.MaxQueryLength(maxGraphQuery), graphql.MaxDepth(maxGraphDepth), graphql.MaxSelections(maxGraphSelections),
		graphql.OverlapValidationLimit(maxGraphPairs),
		graphql.Logger(graphqllog.LoggerFunc(func(ctx context.Context, cause any) {
			s.Logger.ErrorContext(ctx, "panic", "route", "/graphql", logs.Panic(cause))
		})),
		graphql.PanicHandler(graphPanic{}))
}

// graphPanic says nothing of why a resolver panicked.
type graphPanic struct{}

func (graphPanic) MakePanicError(context.Context, any) *graphqlerrors.QueryError {
	return &graphqlerrors.QueryError{Message: "the server made a mistake; it has been logged"}
}

// graphRequest is a GraphQL request, as GraphQL over HTTP has it.
type graphRequest struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

// operation is a GraphQL request being carried out.
type operation struct {
	who caller

	mu      sync.Mutex
	people  int    // that it has asked for so far
	problem *Error // that the whole request fails with
}

type operationKey struct{}

func operationOf(ctx context.Context) *operation {
	o, _ := ctx.Value(operationKey{}).(*operation)
	return o
}

// ask takes n people from what one request may ask for.
func (o *operation) ask(n int) *Error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.people += n; o.people > maxGraphPeople {
		return newError(http.StatusBadRequest, "query_too_costly", "the query asks for more than 100 people in all: ask for fewer at once")
	}
	return nil
}

// fail returns what the answer's errors are to have, and lets the whole request
// fail where that is no mistake of the query.
func (o *operation) fail(e *Error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.status != http.StatusBadRequest {
		o.problem = e
	}
	return graphError{e}
}

// graphql serves GET and POST /graphql. What is wrong with a query is in the
// answer's errors; when a part of CIS is away, the request as a whole fails.
func (s *server) graphql(schema *graphql.Schema) gin.HandlerFunc {
	return func(c *gin.Context) {
		request, problem := readGraphRequest(c)
		if problem != nil {
			fail(c, problem)
			return
		}
		o := &operation{who: callerOf(c)}
		answer := schema.Exec(context.WithValue(c.Request.Context(), operationKey{}, o),
			request.Query, request.OperationName, request.Variables)
		if o.problem != nil {
			fail(c, o.problem)
			return
		}
		body, err := json.Marshal(answer)
		if err != nil {
			panic(err) // texts, numbers, and JSON already
		}
		if c.Request.Method == http.MethodGet {
			respond(c, body)
			return
		}
		c.Header("Cache-Control", "no-store")
		c.Data(http.StatusOK, "application/json", body)
	}
}

func readGraphRequest(c *gin.Context) (r graphRequest, problem *Error) {
	if c.Request.Method == http.MethodGet {
		r.Query, r.OperationName = c.Query("query"), c.Query("operationName")
		if text := c.Query("variables"); text != "" && json.Unmarshal([]byte(text), &r.Variables) != nil {
			return r, invalidParameter("variables", "must be a JSON object")
		}
	} else {
		body, problem := readBody(c, maxGraphBody)
		if problem != nil {
			return r, problem
		}
		if problem := parseGraphRequest(body, &r); problem != nil {
			return r, problem
		}
	}
	if r.Query == "" {
		return r, invalidParameter("query", "is missing: give a GraphQL document")
	}
	return r, nil
}

func parseGraphRequest(body []byte, into *graphRequest) *Error {
	err := json.Unmarshal(body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := wrong.Field
		if where == "" {
			where = "the body"
		}
		return invalidParameter(where, `the body must be like {"query": "…", "operationName": "…", "variables": {…}}`)
	}
	if err != nil {
		return newError(http.StatusBadRequest, string(change.MalformedJSON), "the body is not JSON: "+err.Error())
	}
	return nil
}
