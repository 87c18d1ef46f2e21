package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestThePersonAPIsHostTakesNoChanges(t *testing.T) {
	gin.SetMode(gin.TestMode)
	const person, notAllowed = "person.example.org", `"code":"method_not_allowed"`
	api := New(Options{Tokens: &Tokens{}, PersonHost: person, AllowDelete: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	for _, test := range []struct {
		host, method, path string
		status             int
		body               string // what it contains
	}{
		{person, http.MethodPost, "/v2/users", http.StatusMethodNotAllowed, notAllowed},
		{person, http.MethodPut, "/v2/users", http.StatusMethodNotAllowed, notAllowed},
		{person, http.MethodPost, "/v2/user/user_id/x", http.StatusMethodNotAllowed, notAllowed},
		{person, http.MethodPost, "/v2/user", http.StatusMethodNotAllowed, notAllowed},
		{person, http.MethodDelete, "/v2/user", http.StatusMethodNotAllowed, notAllowed},
		{person, http.MethodGet, "/v2/user", http.StatusMethodNotAllowed, notAllowed},
		{person, http.MethodGet, "/v2/users", http.StatusUnauthorized, "authorization_header_missing"},
		{"change.example.org", http.MethodPost, "/v2/users", http.StatusUnauthorized, "authorization_header_missing"},
		{"change.example.org", http.MethodDelete, "/v2/user", http.StatusUnauthorized, "authorization_header_missing"},
		{"change.example.org", http.MethodGet, "/v2/user", http.StatusMethodNotAllowed, notAllowed},
		{"change.example.org", http.MethodGet, "/v2/users", http.StatusUnauthorized, "authorization_header_missing"},
	} {
		t.Run(test.host+" "+test.method+" "+test.path, func(t *testing.T) {
			request := httptest.NewRequest(test.method, test.path, nil)
			request.Host = test.host
			answer := httptest.NewRecorder()
			api.ServeHTTP(answer, request)
			require.Equal(t, test.status, answer.Code)
			require.Contains(t, answer.Body.String(), test.body)
			require.Equal(t, test.status == http.StatusMethodNotAllowed, answer.Header().Get("Allow") != "")
		})
	}
}
