package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browse sends a GET as a browser that takes the encodings, if any.
func browse(t *testing.T, path, encodings string) *http.Response {
	handler := New(Options{Tokens: newIssuer(t).tokens(time.Now), Logger: noLog})
	request := httptest.NewRequest(http.MethodGet, path, nil)
	if encodings != "" {
		request.Header.Set("Accept-Encoding", encodings)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

func text(t *testing.T, r io.Reader) string {
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(content)
}

func TestThePageLoadsFromHereOnly(t *testing.T) {
	response := browse(t, "/docs", "")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(text(t, response.Body), -1)
	require.Len(t, links, 6)
	for _, link := range links {
		linked := browse(t, "/"+link[1], "")
		require.Equal(t, http.StatusOK, linked.StatusCode, link[1])
		require.NotEmpty(t, text(t, linked.Body), link[1])
	}
	require.Equal(t, http.StatusNotFound, browse(t, "/docs/index.html", "").StatusCode)
}

func TestLargeAssetsAreSentCompressedToWhoTakesThem(t *testing.T) {
	const path = "/docs/swagger-ui-bundle.js"
	plain := browse(t, path, "")
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	script := text(t, plain.Body)
	require.Contains(t, script, "SwaggerUIBundle")
	for encodings, compressed := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP; q=1": true, "gzip;q=0": false, "gzip; q=0.000": false, "br": false, "x-gzip": false,
	} {
		response := browse(t, path, encodings)
		require.Equal(t, "Accept-Encoding", response.Header.Get("Vary"))
		require.Equal(t, compressed, response.Header.Get("Content-Encoding") == "gzip", encodings)
		if compressed {
			unpacked, err := gzip.NewReader(response.Body)
			require.NoError(t, err)
			require.True(t, script == text(t, unpacked))
		}
	}
}

func TestTheDocumentIsServedAsItIs(t *testing.T) {
	response := browse(t, "/openapi.yaml", "")
	require.Equal(t, "application/yaml", response.Header.Get("Content-Type"))
	served := text(t, response.Body)
	require.True(t, strings.HasPrefix(served, "openapi: 3.1.0\n"))
	require.Equal(t, string(openAPI), served)
}
