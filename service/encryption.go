package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"cis/config"
	"cis/payload"
	"cis/payload/awskms"
)

// Codec is what everything goes through on its way to Temporal and back. It is
// there also where nothing is encrypted: a change that another process has
// encrypted must wait then for one with the key, not fail.
func Codec(ctx context.Context, c config.Encryption, logger *slog.Logger) (converter.PayloadCodec, error) {
	var all []payload.Keys // the first encrypts
	if c.KeyFile != "" {
		ring, err := payload.ReadKeyFile(c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("encryption.key-file: %w", err)
		}
		all = append(all, ring)
	}
	if c.KMS.Given() {
		keys, err := kmsKeys(ctx, c.KMS, logger)
		if err != nil {
			return nil, fmt.Errorf("encryption.kms: %w", err)
		}
		if c.KMS.Key != "" {
			all = append([]payload.Keys{keys}, all...)
		} else {
			all = append(all, keys)
		}
	}
	all = append(all, payload.NoKeys{})
	codec := told{payload.NewCodec(payload.WithOlder(all[0], all[1:]...)), logger}
	if !c.Encrypts() {
		return payload.DecodeOnly{PayloadCodec: codec}, nil
	}
	return codec, nil
}

func kmsKeys(ctx context.Context, c config.KMS, logger *slog.Logger) (*awskms.Keys, error) {
	var options []func(*awsconfig.LoadOptions) error
	if c.Region != "" {
		options = append(options, awsconfig.WithRegion(c.Region))
	}
	settings, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	if settings.Region == "" {
		return nil, errors.New("there is no AWS region: set encryption.kms.region or AWS_REGION")
	}
	client := kms.NewFromConfig(settings, func(o *kms.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
	})
	return awskms.New(awskms.Options{
		Client: client, KeyID: c.Key, Older: c.Older, Context: c.Pairs(),
		Period: c.Period, Kept: c.Keep, Age: c.KeepFor, Timeout: c.Timeout, Now: time.Now, Logger: logger,
	})
}

// told is a codec that tells operators when it fails. The changes that it fails
// for wait until it does not, and the workers' own log keeps to itself what a
// workflow panicked with. Its errors are about keys, never about what is in a
// payload.
type told struct {
	converter.PayloadCodec
	logger *slog.Logger
}

// Encode implements converter.PayloadCodec.
func (t told) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return t.tell(t.PayloadCodec.Encode(payloads))
}

// Decode implements converter.PayloadCodec.
func (t told) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return t.tell(t.PayloadCodec.Decode(payloads))
}

func (t told) tell(payloads []*commonpb.Payload, err error) ([]*commonpb.Payload, error) {
	if err != nil {
		t.logger.Error("a payload cannot be encrypted or decrypted", "error", err)
	}
	return payloads, err
}

// encrypting tells whether there is a key to encrypt with now.
func (p *Parts) encrypting(context.Context) error {
	_, err := p.Codec.Encode([]*commonpb.Payload{{}})
	return err
}
