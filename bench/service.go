package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"

	"cis/api"
	"cis/cmd/cis-dev/issuer"
	"cis/logs"
	"cis/vault"
	"cis/vault/sqlite"
)

// service is the API over a vault of a crowd, with an issuer of tokens, all on
// loopback. It only reads: there is no Temporal.
type service struct {
	crowd   *crowd
	url     string // of an API that keeps answers, as in production
	plain   string // of one that keeps none
	token   func(scopes string) (string, error)
	closers []func() error
}

const (
	audience = "api.bench"
	clientID = "bench"
)

// The scopes of a client that may see and search all, and of one that may search
// all and sees what anyone may.
const (
	everything = "read:fullprofile display:all search:all"
	publicOnly = "search:all"
)

// keptAnswers is how many bytes of answers are kept, as production's default has
// it.
const keptAnswers = 64 << 20

// newService fills a vault in a temporary directory and serves it.
func newService(ctx context.Context, people *crowd) (s *service, err error) {
	s = &service{crowd: people}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	dir, err := os.MkdirTemp("", "cis-bench-")
	if err != nil {
		return s, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	file := filepath.Join(dir, "vault.db")
	if err := fill(ctx, file, people); err != nil {
		return s, err
	}
	store, err := sqlite.Open(file)
	if err != nil {
		return s, err
	}
	s.closers = append(s.closers, store.Close)
	jwks, name, err := s.issue(dir)
	if err != nil {
		return s, err
	}
	// Log lines are written as in production, to where they cost no disk.
	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return s, err
	}
	s.closers = append(s.closers, sink.Close)
	o := api.Options{
		Vault:  store,
		Tokens: &api.Tokens{Issuer: name, Audience: audience, JWKS: jwks, Client: http.DefaultClient, Now: time.Now},
		Logger: logs.New(sink, slog.LevelInfo),
	}
	if s.plain, err = s.serve("api", api.New(o)); err != nil {
		return s, err
	}
	o.KeptAnswers = keptAnswers
	s.url, err = s.serve("api", api.New(o))
	return s, err
}

func (s *service) close() error {
	var errs []error
	for _, closer := range slices.Backward(s.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// fillBatch is how many people are stored in a transaction.
const fillBatch = 1000

// fill makes a vault of a crowd. It is closed afterwards, which folds the log of
// writes into the file.
func fill(ctx context.Context, file string, people *crowd) (err error) {
	start := time.Now()
	store, err := sqlite.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for n := 0; n < people.size; {
		var writes []vault.Write
		for ; n < people.size && len(writes) < fillBatch; n++ {
			w, err := people.write(n)
			if err != nil {
				return err
			}
			writes = append(writes, w)
		}
		lost, err := store.Put(ctx, writes...)
		if err != nil {
			return err
		}
		if len(lost) > 0 {
			return fmt.Errorf("%d people were in the vault before they came", len(lost))
		}
	}
	fmt.Fprintf(os.Stderr, "stored %d people in %.0f s\n", people.size, time.Since(start).Seconds())
	syscall.Sync() // or the machine would still be writing while it is measured
	return nil
}

// issue starts an issuer of tokens.
func (s *service) issue(dir string) (jwks, name string, err error) {
	var i *issuer.Issuer
	base, err := s.serve("issuer", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.ServeHTTP(w, r) }))
	if err != nil {
		return "", "", err
	}
	const secret = "bench-secret"
	i, err = issuer.New(issuer.Options{
		BaseURL: base, KeyFile: filepath.Join(dir, "issuer.jwk"),
		Clients:   []issuer.Client{{ID: clientID, Secret: secret, Scopes: []string{"read:fullprofile", "display:all", "search:all"}}},
		Audiences: []string{audience}, Lifetime: time.Hour, Now: time.Now,
	})
	if err != nil {
		return "", "", err
	}
	s.token = func(scopes string) (string, error) {
		response, err := http.PostForm(i.TokenURL(), url.Values{
			"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "audience": {audience}, "scope": {scopes},
		})
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		var answer struct {
			Token string `json:"access_token"`
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return "", err
		}
		return answer.Token, nil
	}
	return i.JWKSURL(), i.URL(), nil
}

// serve serves on loopback. In a profile, the samples of its requests have the
// label side.
func (s *service) serve(side string, handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	s.closers = append(s.closers, server.Close)
	go pprof.Do(context.Background(), pprof.Labels("side", side), func(context.Context) { _ = server.Serve(listener) })
	return "http://" + listener.Addr().String(), nil
}
