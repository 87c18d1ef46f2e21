package temporal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

// Server is a running Temporal server with its UI.
type Server struct {
	frontend, ui address
	server       temporal.Server
	web          *uiserver.Server
	logger       *logger
}

// Start starts the server and returns when it serves its namespace. A port in
// use, a file that cannot be written and a server that cannot start are one
// line of error.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{logger: newLogger(o.Logger)}
	if err := s.start(ctx, o); err != nil {
		s.Stop()
		return nil, fmt.Errorf("temporal: %s", firstLine(err))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) (err error) {
	if s.frontend, err = reserve(o.Frontend); err != nil {
		return err
	}
	if o.UI != "" {
		if s.ui, err = reserve(o.UI); err != nil {
			return fmt.Errorf("web UI: %w", err)
		}
	}
	if err := prepare(o); err != nil {
		return fmt.Errorf("%s: %w", o.DataFile, err)
	}
	ports, err := reserveMany(4)
	if err != nil {
		return err
	}
	if err := s.startServer(configuration(o, s.frontend, ports)); err != nil {
		return err
	}
	if err := s.register(ctx, o); err != nil {
		return err
	}
	if o.UI != "" {
		s.startUI(o)
	}
	return nil
}

func (s *Server) startServer(c *config.Config) error {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, service := range c.Services {
		at := address{service.RPC.BindOnIP, service.RPC.GRPCPort}
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(at.String())
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(c),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(s.logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(settings()),
	)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	s.server = server
	return nil
}

func (s *Server) startUI(o Options) {
	s.web = uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: s.ui.ip, Port: s.ui.port, TemporalGRPCAddress: s.frontend.String(),
		EnableUI: true, DefaultNamespace: o.Namespace, HideLogs: true, DisableNewsFetch: true,
		Codec: uiconfig.Codec{Endpoint: o.CodecEndpoint},
		CORS:  uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
	}))
	go func() { _ = s.web.Start() }()
}

// register waits until the server serves the namespace and gives it the search
// attributes that it lacks.
func (s *Server) register(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := s.dial(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: o.Namespace})
	if err != nil {
		return err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range o.SearchAttributes {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			missing[name] = kind
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: o.Namespace, SearchAttributes: missing,
	})
	return err
}

// dial connects as soon as the server answers.
func (s *Server) dial(ctx context.Context, o Options) (client.Client, error) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		c, err := client.DialContext(ctx, client.Options{
			HostPort: s.frontend.String(), Namespace: o.Namespace, Logger: sdklog.NewStructuredLogger(o.Logger),
		})
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-ticker.C:
		}
	}
}

// Frontend is the address that clients connect to.
func (s *Server) Frontend() string { return s.frontend.String() }

// UIURL is where the web UI is.
func (s *Server) UIURL() string { return "http://" + s.ui.String() }

// Stop stops the UI and the server. Workflows go on when a server is started
// on the same file again.
func (s *Server) Stop() {
	s.logger.mute()
	if s.web != nil {
		s.web.Stop()
	}
	if s.server != nil {
		_ = s.server.Stop()
	}
}

// firstLine is what an error says before the stacks and the repetitions that
// the server's dependency injection adds.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
