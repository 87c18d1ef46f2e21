package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cis/cmd/cis-dev/issuer"
	"cis/cmd/cis-dev/samples"
	"cis/schema"
	"cis/signing"
)

// client is who may have a token for everything.
const client = "trial"

// lifetime is how long a token counts.
const lifetime = time.Hour

// timeout is how long a request may take.
const timeout = 5 * time.Second

type issuerCommand struct {
	Listen   string   `help:"Where it listens." default:":8090"`
	URL      string   `help:"Where it is reached, as its tokens say." required:"" placeholder:"URL"`
	Folder   string   `help:"Folder of the client's secret, where its own key is kept, too." required:"" type:"existingdir"`
	Audience []string `help:"What its tokens may be issued for." required:"" placeholder:"AUDIENCE"`
}

// Run implements the command.
func (c issuerCommand) Run(ctx context.Context) error {
	secret, err := os.ReadFile(filepath.Join(c.Folder, "client-secret"))
	if err != nil {
		return err
	}
	handler, err := issuer.New(issuer.Options{
		BaseURL: strings.TrimSuffix(c.URL, "/"), KeyFile: filepath.Join(c.Folder, "issuer.jwk"),
		Clients:   []issuer.Client{{ID: client, Secret: string(secret), Scopes: append([]string{"write"}, schema.Scopes()...)}},
		Audiences: c.Audience, Lifetime: lifetime, Now: time.Now,
	})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: c.Listen, Handler: handler, ReadTimeout: timeout, WriteTimeout: timeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type tokenCommand struct {
	Issuer   string `help:"Where the issuer is." required:"" env:"TRIAL_ISSUER" placeholder:"URL"`
	Secret   string `help:"File of the client's secret." required:"" type:"existingfile" env:"TRIAL_SECRET" placeholder:"FILE"`
	Audience string `help:"What the token is for." required:"" env:"TRIAL_AUDIENCE"`
}

// Run implements the command.
func (c tokenCommand) Run(ctx context.Context) error {
	secret, err := os.ReadFile(c.Secret)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {string(secret)}, "audience": {c.Audience}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Issuer, "/")+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := (&http.Client{Timeout: timeout}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Token       string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %s: %w", c.Issuer, response.Status, err)
	}
	if answer.Token == "" {
		return fmt.Errorf("%s: %s: %s", c.Issuer, response.Status, answer.Description)
	}
	fmt.Println(answer.Token)
	return nil
}

type changeCommand struct {
	Keys string `help:"Folder of the publishers' private keys." required:"" type:"existingdir" env:"TRIAL_KEYS" placeholder:"FOLDER"`
}

// Run implements the command.
func (c changeCommand) Run(ctx context.Context) error {
	_, body, err := samples.Newcomer(ctx, signing.FileStore{Dir: c.Keys})
	if err != nil {
		return err
	}
	fmt.Println(string(body))
	return nil
}

type answersCommand struct {
	URL string `arg:""`
}

// Run implements the command.
func (c answersCommand) Run() error {
	response, err := (&http.Client{Timeout: timeout}).Get(c.URL)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", c.URL, response.Status)
	}
	return nil
}
