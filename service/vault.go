package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"cis/config"
	"cis/vault"
	"cis/vault/dynamo"
	"cis/vault/sqlite"
)

// Vault opens the vault with its driver.
func Vault(ctx context.Context, c *config.Config) (vault.Store, error) {
	switch c.Vault.Driver {
	case config.VaultSQLite:
		return sqlite.Open(c.Vault.File)
	case config.VaultDynamoDB:
		at, err := DynamoDB(ctx, c.Vault)
		if err != nil {
			return nil, err
		}
		return dynamo.Open(ctx, at, c.TablePrefix())
	default:
		return nil, fmt.Errorf("vault: there is no driver %q", c.Vault.Driver)
	}
}

// DynamoDB says where DynamoDB is and who asks it. The region and the
// credentials are those of Amazon's own tools, from AWS_REGION and its like.
func DynamoDB(ctx context.Context, c config.Vault) (aws.Config, error) {
	at, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return at, fmt.Errorf("vault: the AWS settings cannot be read: %w", err)
	}
	if at.Region == "" {
		return at, errNoRegion
	}
	if c.Endpoint != "" {
		at.BaseEndpoint = &c.Endpoint
	}
	return at, nil
}

var errNoRegion = errors.New("vault: there is no AWS region: set AWS_REGION, or a region in the profile that AWS_PROFILE names")
