package service

import (
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"cis/config"
	"cis/directory"
	"cis/logs"
	"cis/tlsfiles"
	"cis/workflows"
)

// temporalOptions say how Temporal is reached, and how everything is written
// that goes there.
func temporalOptions(all *config.Config, codec converter.PayloadCodec, logger *slog.Logger, watch Watch) (client.Options, error) {
	c, converters := all.Temporal, workflows.NewConverters(codec)
	o := client.Options{
		HostPort: c.Address, Namespace: c.Namespace,
		DataConverter: converters.Data, FailureConverter: converters.Failures,
		Logger: logs.Temporal(logger.With("component", "temporal-sdk")), MetricsHandler: watch.Metrics.Temporal(),
	}
	var err error
	if o.Interceptors, err = watch.Traces.Interceptors(); err != nil {
		return o, err
	}
	if c.APIKey.Given() {
		o.Credentials = client.NewAPIKeyStaticCredentials(c.APIKey.Reveal())
	}
	if !c.Secure() {
		return o, nil
	}
	secured, err := tlsfiles.Client(c.TLS.CAFile, c.TLS.ServerName)
	if err != nil {
		return o, err
	}
	if c.TLS.Given() {
		pair, err := tlsfiles.Load(c.TLS.CertFile, c.TLS.KeyFile, logger)
		if err != nil {
			return o, err
		}
		pair.ShowTo(secured)
	}
	o.ConnectionOptions.TLS = secured
	return o, nil
}

// Temporal returns a client, which connects when it is used: a Temporal that is
// away at the start is like one that goes away later. What it writes goes
// through the codec; nil writes in the clear.
func Temporal(c *config.Config, codec converter.PayloadCodec, logger *slog.Logger, watch Watch) (client.Client, error) {
	options, err := temporalOptions(c, codec, logger, watch)
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	return client.NewLazyClient(options)
}

// Directory opens the directory.
func Directory(c config.Directory) (*directory.Directory, error) {
	secured, err := tlsfiles.Client(c.CAFile, "")
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return directory.Open(directory.Config{
		URL: c.URL, TLS: secured, StartTLS: c.StartTLS, BindDN: c.BindDN, Password: c.Password.Reveal(), BaseDN: c.BaseDN,
		Timeout: c.Timeout, Connections: c.Concurrency,
	})
}
