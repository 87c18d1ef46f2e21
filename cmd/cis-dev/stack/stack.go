package stack

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"cis/activities"
	"cis/api"
	"cis/cmd/cis-dev/issuer"
	"cis/cmd/cis-dev/ldapd"
	"cis/cmd/cis-dev/temporal"
	"cis/health"
	"cis/profile"
	"cis/schema"
	"cis/service"
	"cis/signing"
	"cis/vault"
	"cis/vault/sqlite"
	"cis/workflows"
)

// Stack is a running CIS.
type Stack struct {
	options Options
	closers closers

	apiListener, issuerListener, codecListener net.Listener

	secrets  secrets
	signers  map[string]*signing.Signer
	issuer   *issuer.Issuer
	ldap     *ldapd.Server
	temporal *temporal.Server
	parts    service.Parts
}

const (
	baseDN    = "dc=cis,dc=test"
	bindDN    = "cn=cis," + baseDN
	namespace = "default"
	retention = service.DefaultRetention

	// finishTimeout is how long requests may take to come to their end when the
	// stack is stopped, stopTimeout how long publications may.
	finishTimeout = 15 * time.Second
	stopTimeout   = 3 * time.Second
)

// Start starts everything, or nothing: when a part cannot start, what was
// started is stopped and the error says which part it was.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	s := &Stack{options: o}
	defer func() {
		if err != nil {
			s.closers.close()
		}
	}()
	for _, step := range []func(context.Context) error{
		s.takeData, s.listen, s.configure, s.loadKeys, s.startIssuer, s.startLDAP,
		s.loadCodec, s.startTemporal, s.startUICodec, s.startWorkers, s.startAPI,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Stop ends everything in the reverse of the order it was started in: no more
// requests, then no more work, then the servers that the work needs. What was
// in flight goes on at the next start.
func (s *Stack) Stop() { s.closers.close() }

func (s *Stack) file(name string) string { return filepath.Join(s.options.DataDir, name) }

func (s *Stack) takeData(ctx context.Context) error {
	lock, err := lock(s.options.DataDir)
	if err != nil {
		return err
	}
	s.closers.addCloser(lock)
	if s.secrets, err = loadSecrets(s.options.DataDir); err != nil {
		return err
	}
	if s.options.Salt != "" {
		s.secrets.Salt = s.options.Salt
	}
	store, err := sqlite.Open(s.file("vault.db"))
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	s.closers.addCloser(store)
	s.parts.Vault = store
	// A vault of an older version has no search index yet.
	unreadable := func(r vault.Record) {
		s.log("vault").Warn("a stored profile cannot be read", "sequence_number", r.SequenceNumber)
	}
	if err := vault.Reindex(ctx, store, activities.SearchTerms(unreadable), func(int, int) {}); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return nil
}

// listen takes the ports of what this process serves itself, before anything
// slow is started.
func (s *Stack) listen(context.Context) (err error) {
	if s.apiListener, err = net.Listen("tcp", s.options.API); err != nil {
		return fmt.Errorf("API: %w", err)
	}
	s.closers.addCloser(s.apiListener)
	if s.issuerListener, err = net.Listen("tcp", s.options.Issuer); err != nil {
		return fmt.Errorf("token issuer: %w", err)
	}
	s.closers.addCloser(s.issuerListener)
	if s.codecListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("codec of the Temporal UI: %w", err)
	}
	s.closers.addCloser(s.codecListener)
	return nil
}

func (s *Stack) loadKeys(ctx context.Context) (err error) {
	if s.signers, err = loadKeys(ctx, s.Keys()); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	s.parts.Signer = s.signers[profile.CIS]
	s.parts.KeySets, err = s.trusted()
	return err
}

// Keys is where the generated keys are.
func (s *Stack) Keys() signing.FileStore { return signing.FileStore{Dir: s.file("keys")} }

// trusted are the public keys that publishers are believed by: those of the
// well-known documents where any is given, else the generated ones; and
// always CIS's own.
func (s *Stack) trusted() (signing.StaticKeySets, error) {
	sets := signing.StaticKeySets{}
	for _, text := range s.options.WellKnown {
		document, err := schema.ParseWellKnown(text)
		if err != nil {
			return nil, err
		}
		for publisher, keys := range document.API.PublishersJWKS {
			if err := sets.Add(publisher, keys.Keys...); err != nil {
				return nil, fmt.Errorf("well-known document: %w", err)
			}
		}
	}
	for _, publisher := range profile.Publishers {
		if len(s.options.WellKnown) > 0 && publisher != profile.CIS {
			continue
		}
		if err := sets.AddSigner(s.signers[publisher]); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

func (s *Stack) startIssuer(context.Context) (err error) {
	s.issuer, err = issuer.New(issuer.Options{
		BaseURL:   s.issuerURL(),
		KeyFile:   s.file("keys/issuer.jwk"),
		Clients:   clients(),
		Audiences: []string{Audience, HookAudience},
		Lifetime:  24 * time.Hour,
		Now:       time.Now,
	})
	if err != nil {
		return err
	}
	s.serve(s.issuerListener, s.issuer)
	return nil
}

// clients are the development client with every scope, one for each publisher,
// and CIS's own for webhooks.
func clients() []issuer.Client {
	all := append(schema.Scopes(), api.ScopeOperate, api.ScopeDecode)
	list := []issuer.Client{
		{ID: DevClient.ID, Secret: DevClient.Secret, Scopes: all},
		{ID: hookClient.ID, Secret: hookClient.Secret},
	}
	for _, publisher := range profile.Publishers {
		if publisher != profile.CIS {
			list = append(list, issuer.Client{
				ID: publisher, Secret: PublisherSecret(publisher),
				Scopes: []string{api.ScopeWrite, "read:fullprofile", "display:all", "search:all"},
			})
		}
	}
	return list
}

func (s *Stack) startLDAP(context.Context) (err error) {
	s.ldap, err = ldapd.Start(ldapd.Options{
		Addr: s.options.LDAP, File: s.file("directory.db"),
		BaseDN: baseDN, BindDN: bindDN, Password: s.secrets.LDAPPassword, Logger: s.log("ldap"),
	})
	if err != nil {
		return fmt.Errorf("LDAP: %w", err)
	}
	s.closers.add(s.ldap.Stop)
	s.parts.Config.Directory.URL = s.LDAPURL()
	s.parts.Directory, err = service.Directory(s.parts.Config.Directory)
	if err != nil {
		return fmt.Errorf("LDAP: %w", err)
	}
	s.closers.add(s.parts.Directory.Close)
	return nil
}

func (s *Stack) startTemporal(ctx context.Context) (err error) {
	s.temporal, err = temporal.Start(ctx, temporal.Options{
		DataFile: s.file("temporal.db"), Frontend: s.options.Temporal, UI: s.options.TemporalUI,
		CodecEndpoint: "http://" + s.codecListener.Addr().String(),
		Namespace:     namespace, Retention: retention,
		SearchAttributes: workflows.SearchAttributes(),
		Logger:           s.options.Logger,
	})
	if err != nil {
		return err
	}
	s.closers.add(s.temporal.Stop)
	s.parts.Config.Temporal.Address = s.temporal.Frontend()
	s.parts.Temporal, err = service.Temporal(s.parts.Config, s.parts.Codec, s.options.Logger, s.parts.Watch)
	if err != nil {
		return err
	}
	s.closers.add(s.parts.Temporal.Close)
	return nil
}

func (s *Stack) startWorkers(context.Context) error {
	workers, err := s.parts.Workers(stopTimeout)
	if err != nil {
		return err
	}
	if err := workers.Start(); err != nil {
		return fmt.Errorf("workers: %w", err)
	}
	s.closers.add(workers.Stop)
	return nil
}

func (s *Stack) startAPI(context.Context) error {
	s.parts.Config.Encryption.UIOrigin = s.UIURL()
	s.parts.Tokens = service.Tokens(s.parts.Config)
	s.parts.Health = health.New(s.log("health"), s.parts.APIChecks()...)
	s.serve(s.apiListener, s.parts.API())
	return nil
}

// serve serves HTTP on the listener until the stack is stopped.
func (s *Stack) serve(listener net.Listener, handler http.Handler) {
	server := service.NewServer(handler, s.options.Logger)
	go func() { _ = server.Serve(listener) }()
	s.closers.add(func() { server.Stop(finishTimeout, stopTimeout) })
}

func (s *Stack) log(component string) *slog.Logger {
	return s.options.Logger.With("component", component)
}

// issuerURL is the embedded token issuer's base URL.
func (s *Stack) issuerURL() string { return "http://" + s.issuerListener.Addr().String() }

// APIURL is the API's base URL.
func (s *Stack) APIURL() string { return "http://" + s.apiListener.Addr().String() }

// TokenURL is where tokens are had.
func (s *Stack) TokenURL() string { return s.issuer.TokenURL() }

// TemporalAddress is where Temporal clients connect to.
func (s *Stack) TemporalAddress() string { return s.temporal.Frontend() }

// UIURL is Temporal's web UI.
func (s *Stack) UIURL() string { return s.temporal.UIURL() }

// LDAPURL is the directory.
func (s *Stack) LDAPURL() string { return "ldap://" + s.ldap.Addr() }
