package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// quoted is a JSON string that holds this text.
func quoted(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func TestBodiesThatAreNobodysProfile(t *testing.T) {
	v := store(t)
	call := calls(t, v)
	const malformed, invalid = "malformed_json", "invalid_profile"
	long := `{"user_id":{"value":"` + strings.Repeat("x", vault.MaxKey+1) + `"}}`
	for name, test := range map[string]struct{ body, code, says string }{
		"no JSON":                             {`user_id=x`, malformed, ""},
		"nothing":                             {``, malformed, ""},
		"white space":                         {" \n ", malformed, ""},
		"broken off":                          {`{"user_id":{"value":"email|x"`, malformed, ""},
		"something after it":                  {`{"user_id":{"value":"email|x"}} 1`, malformed, ""},
		"a number":                            {`5`, invalid, "not an object"},
		"true":                                {`true`, invalid, "not an object"},
		"null":                                {`null`, invalid, "not an object"},
		"a list":                              {`[{"user_id":{"value":"email|x"}}]`, invalid, "not an object"},
		"a string that is empty":              {`""`, malformed, ""},
		"a string without JSON in it":         {`"hello"`, malformed, ""},
		"a string that holds a list":          {`"[]"`, invalid, "not an object"},
		"a string in a string":                {quoted(quoted(`{"user_id":{"value":"email|x"}}`)), invalid, "not an object"},
		"a string that holds half a profile":  {quoted(`{"user_id":`), malformed, ""},
		"a string that holds a member twice":  {quoted(`{"user_id":{"value":"a"},"user_id":{"value":"b"}}`), malformed, "duplicate"},
		"a string with half a surrogate pair": {`"{\"user_id\":{\"value\":\"email|\ud83d\"}}"`, malformed, "surrogate"},
		"a string that is not UTF-8":          {"\"{\\\"user_id\\\":{\\\"value\\\":\\\"email|\xff\\\"}}\"", malformed, "UTF-8"},
		"a person twice":                      {`{"user_id":{"value":"email|x"},"user_id":{"value":"email|x"}}`, malformed, "duplicate"},
		"a person twice, escaped":             {`{"user_id":{"value":"email|x"},"user\u005fid":{"value":"email|y"}}`, malformed, "duplicate"},
		"a name of half a megabyte twice":     {`{"` + strings.Repeat("x", 500_000) + `":1,"` + strings.Repeat("x", 500_000) + `":2}`, malformed, "duplicate"},
		"half a surrogate pair":               {`{"user_id":{"value":"email|\ud83d"}}`, malformed, "surrogate"},
		"bytes that are not UTF-8":            {"{\"user_id\":{\"value\":\"email|\xff\"}}", malformed, "UTF-8"},
		"a NUL byte":                          {"{\"user_id\":{\"value\":\"email|\x00\"}}", malformed, ""},
		"a byte order mark":                   {"\ufeff{}", malformed, ""},
		"not a number":                        {`{"user_id":{"value":NaN}}`, malformed, ""},
		"infinity":                            {`{"user_id":{"value":-Infinity}}`, malformed, ""},
		"a hundred thousand brackets":         {strings.Repeat("[", 100_000), malformed, ""},
		"a hundred thousand brackets that are closed": {`{"tags":{"values":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}`, malformed, "depth"},
		"nobody":                      {`{}`, invalid, "user_id"},
		"a user_id that is null":      {`{"user_id":{"value":null}}`, invalid, "user_id"},
		"a user_id that is empty":     {`{"user_id":{"value":""}}`, invalid, "user_id"},
		"a user_id that is a number":  {`{"user_id":{"value":5}}`, invalid, "user_id"},
		"a user_id that is a list":    {`{"user_id":{"value":["email|x"]}}`, invalid, "user_id"},
		"a user_id that is an object": {`{"user_id":{"value":{"value":"email|x"}}}`, invalid, "user_id"},
		"a user_id with values":       {`{"user_id":{"values":{"email|x":null}}}`, invalid, "user_id"},
		"a user_id that is a text":    {`{"user_id":"email|x"}`, invalid, "user_id"},
		"a user_id that is too long":  {long, invalid, "2048"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{http.MethodPost, http.MethodPut} {
				status, body := call(method, "/v2/user", test.body)
				require.Equal(t, http.StatusBadRequest, status, body)
				require.Equal(t, test.code, body["code"], body)
				require.Contains(t, body["description"], test.says)
				require.Less(t, len(body["description"].(string)), 1000)

				status, body = call(method, "/v2/users", "["+test.body+"]")
				if strings.TrimSpace(test.body) == "" {
					continue // an empty batch is one
				}
				require.Equal(t, http.StatusBadRequest, status, body)
				require.Equal(t, test.code, body["code"], body)
				require.Regexp(t, "^profile [01]", body["description"])
				require.Less(t, len(body["description"].(string)), 1000)
			}
		})
	}
	left, err := v.List(context.Background(), vault.Query{Activity: vault.AnyActivity, Limit: 100})
	require.NoError(t, err)
	require.Len(t, left, len(people), "nothing is stored")
}

func TestWhoIsMeantMustBeCertain(t *testing.T) {
	call := calls(t, store(t))
	const ann = `{"user_id":{"value":"email|ann+1"}}`
	for name, test := range map[string]struct{ query, body, code, says string }{
		"another person":              {"user_id=email%7Cbob", ann, "integration_exception", "does not match"},
		"a plus that is a space":      {"user_id=email%7Cann+1", ann, "integration_exception", "does not match"},
		"two people":                  {"user_id=email%7Cann%2B1&user_id=email%7Cbob", ann, "invalid_parameter", "user_id: "},
		"an id that is too long":      {"user_id=" + strings.Repeat("x", vault.MaxKey+1), `{}`, "invalid_parameter", "2048"},
		"an id that is not UTF-8":     {"user_id=email%7C%FF", `{}`, "invalid_parameter", "UTF-8"},
		"half a surrogate pair":       {"user_id=%ED%A0%BD", `{}`, "invalid_parameter", "UTF-8"},
		"an id that is cut off":       {"user_id=email%7", ann, "invalid_parameter", "decoded"},
		"no id, and nobody's profile": {"user_id=", `{}`, "invalid_profile", "user_id"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := call(http.MethodPost, "/v2/user?"+test.query, test.body)
			require.Equal(t, http.StatusBadRequest, status, body)
			require.Equal(t, test.code, body["code"])
			require.Contains(t, body["description"], test.says)
		})
	}
}

func TestIdempotencyKeysThatAreRefused(t *testing.T) {
	call := calls(t, store(t))
	for path, content := range map[string]string{"/v2/user": `{"user_id":{"value":"email|x"}}`, "/v2/users": `[{"user_id":{"value":"email|x"}}]`} {
		for name, headers := range map[string][]string{
			"one that is too long": {idempotencyHeader, strings.Repeat("k", maxKey+1)},
			"two of them":          {idempotencyHeader, "monday", idempotencyHeader, "tuesday"},
		} {
			status, body := call(http.MethodPost, path, content, headers...)
			require.Equal(t, http.StatusBadRequest, status, name)
			require.Equal(t, "invalid_header", body["code"], name)
			require.Contains(t, body["description"], idempotencyHeader)
		}
	}
}
