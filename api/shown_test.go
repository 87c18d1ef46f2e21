package api

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatAClientHasAlreadyIsNotSentAgain(t *testing.T) {
	call := limited(t, Options{Vault: store(t)})
	for _, path := range []string{
		lookUpAnn, "/v2/user/primary_username/nobody", "/v2/users", "/v2/users/id/all?connectionMethod=ad",
		"/graphql?query=%7Bprofiles%7BnextPage%7D%7D",
	} {
		t.Run(path, func(t *testing.T) {
			first := call("hris", http.MethodGet, path, "")
			require.Equal(t, http.StatusOK, first.StatusCode)
			tag := first.Header.Get("ETag")
			require.Regexp(t, `^"[0-9a-f]{16}-[0-9a-f]+"$`, tag)
			require.Equal(t, "private, no-cache", first.Header.Get("Cache-Control"))
			require.Contains(t, first.Header.Values("Vary"), "Authorization")
			for header, status := range map[string]int{
				tag: http.StatusNotModified, "W/" + tag: http.StatusNotModified, "*": http.StatusNotModified,
				`"other", ` + tag: http.StatusNotModified, `"other"`: http.StatusOK, tag + "x": http.StatusOK,
			} {
				again := call("hris", http.MethodGet, path, "", "If-None-Match", header)
				require.Equal(t, status, again.StatusCode, header)
				require.Equal(t, tag, again.Header.Get("ETag"))
				body, err := io.ReadAll(again.Body)
				require.NoError(t, err)
				require.Equal(t, status == http.StatusNotModified, len(body) == 0)
			}
		})
	}
	require.NotEqual(t, call("hris", http.MethodGet, lookUpAnn, "").Header.Get("ETag"),
		call("hris", http.MethodGet, lookUpAnn+"?filterDisplay=public", "").Header.Get("ETag"), "the tag is of what is shown")
}

func TestWebPagesOfAnyOriginMayCall(t *testing.T) {
	call := limited(t, Options{Vault: store(t)})
	const page = "https://people.example.org"
	mayRead := func(answer *http.Response) {
		require.Equal(t, page, answer.Header.Get("Access-Control-Allow-Origin"), "no * where credentials are allowed")
		require.Equal(t, "true", answer.Header.Get("Access-Control-Allow-Credentials"))
		require.Contains(t, answer.Header.Values("Vary"), "Origin", "no cache may show it to another page")
	}
	preflight := call("", http.MethodOptions, "/v2/user", "", "Origin", page,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	require.Equal(t, http.StatusOK, preflight.StatusCode)
	mayRead(preflight)
	allowed := preflight.Header.Get("Access-Control-Allow-Headers")
	for _, name := range []string{"X-Requested-With", "Content-Type", "Accept", "Origin", "Authorization", "X-Csrftoken",
		"Withcredentials", "Cache-Control", "Cookie", "Session-Id"} {
		require.Contains(t, allowed, name)
	}
	answer := call("hris", http.MethodGet, lookUpAnn, "", "Origin", page)
	mayRead(answer)
	require.Contains(t, answer.Header.Values("Vary"), "Authorization")
	require.Contains(t, answer.Header.Get("Access-Control-Expose-Headers"), "Etag")
	refusal := call("", http.MethodGet, lookUpAnn, "", "Origin", page)
	require.Equal(t, http.StatusUnauthorized, refusal.StatusCode)
	mayRead(refusal)
}

func TestHeadIsLikeGetWithoutABody(t *testing.T) {
	call := limited(t, Options{Vault: store(t)})
	get, head := call("hris", http.MethodGet, lookUpAnn, ""), call("hris", http.MethodHead, lookUpAnn, "")
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Equal(t, get.Header.Get("ETag"), head.Header.Get("ETag"))
	require.Equal(t, get.ContentLength, head.ContentLength)
	body, err := io.ReadAll(head.Body)
	require.NoError(t, err)
	require.Empty(t, body)
}
