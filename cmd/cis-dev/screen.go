package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"cis/cmd/cis-dev/samples"
	"cis/cmd/cis-dev/stack"
	"cis/profile"
)

// screen is what cis-dev prints.
type screen struct {
	out     io.Writer
	stack   *stack.Stack
	dataDir string
}

func (s screen) services(after time.Duration) {
	fmt.Fprintf(s.out, `CIS is up (%.1f s).

  API           %s
  API's docs    %s/docs
  Temporal UI   %s
  Temporal      %s
  LDAP          %s
  token issuer  %s
  data          %s

  client           secret
`, after.Seconds(), s.stack.APIURL(), s.stack.APIURL(), s.stack.UIURL(), s.stack.TemporalAddress(), s.stack.LDAPURL(), s.stack.TokenURL(), s.dataDir)
	fmt.Fprintf(s.out, "  %-17s%-24severy scope\n", stack.DevClient.ID, stack.DevClient.Secret)
	for _, publisher := range profile.Publishers {
		if publisher != profile.CIS {
			fmt.Fprintf(s.out, "  %-17s%-24spublisher\n", publisher, stack.PublisherSecret(publisher))
		}
	}
	fmt.Fprintln(s.out)
}

// samples runs the sample job on the first start with this data folder.
func (s screen) samples(ctx context.Context) error {
	marker := filepath.Join(s.dataDir, "samples-done")
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(s.out), progressbar.OptionSetWidth(30),
		progressbar.OptionSetDescription("sample changes"), progressbar.OptionShowCount(), progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(100*time.Millisecond))
	report, err := samples.Run(ctx, samples.Options{
		API: s.stack.APIURL(), TokenURL: s.stack.TokenURL(), Audience: stack.Audience,
		Secret: stack.PublisherSecret, Keys: s.stack.Keys(),
		Progress: func(done, total int) { bar.ChangeMax(total); _ = bar.Set(done) },
	})
	fmt.Fprint(s.out, "\n\n")
	if err != nil {
		return fmt.Errorf("samples: %w", err)
	}
	s.report(report)
	return os.WriteFile(marker, nil, 0o600)
}

func (s screen) report(r samples.Report) {
	fmt.Fprintf(s.out, `What happened, each change a workflow that the Temporal UI shows:
  %d people created by three publishers, %d changed
  1 change refused: %s
  %d changes are in LDAP and at every receiver; the badge office failed twice first
`, r.Created, r.Updated, r.Refused, r.Delivered)
	for _, p := range r.Parked {
		fmt.Fprintf(s.out, `  1 change waits for you: %s
    %s
    see %s/namespaces/default/workflows?query=CisState%%3D%%22NeedsAttention%%22
`, p.Target, p.Reason, s.stack.UIURL())
	}
	fmt.Fprintln(s.out)
}

// ready prints the commands to paste.
func (s screen) ready(withSamples bool) {
	if withSamples {
		s.commands()
	}
	fmt.Fprintln(s.out, "Ctrl-C stops.")
}

func (s screen) commands() {
	userID, body, err := samples.Newcomer(context.Background(), s.stack.Keys())
	file := filepath.Join(s.dataDir, "newcomer.json")
	if err == nil {
		err = os.WriteFile(file, body, 0o600)
	}
	if err != nil {
		fmt.Fprintln(s.out, "No sample change could be written:", err)
		return
	}
	fmt.Fprintf(s.out, `Try it: get a token, send a signed change, read it back.

  TOKEN=$(curl -s %s -d grant_type=client_credentials \
    -d client_id=%s -d client_secret=%s -d audience=%s | sed 's/.*"access_token":"\([^"]*\).*/\1/')
  curl -s %s/v2/user -H "Authorization: Bearer $TOKEN" -d @%s; echo
  curl -s '%s/v2/user/user_id/%s?filterDisplay=public' -H "Authorization: Bearer $TOKEN"; echo

`, s.stack.TokenURL(), stack.DevClient.ID, stack.DevClient.Secret, stack.Audience,
		s.stack.APIURL(), file, s.stack.APIURL(), url.PathEscape(userID))
}
