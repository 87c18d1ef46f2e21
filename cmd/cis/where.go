package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"cis/vault"
	"cis/vault/dynamo"
	"cis/vault/sqlite"
)

// tables names a vault in DynamoDB. The region and the credentials are those of
// Amazon's own tools, from AWS_REGION and its like.
type tables struct {
	Environment string `help:"The environment whose DynamoDB tables are the vault: ENVIRONMENT-identity-vault." env:"CIS_ENVIRONMENT" placeholder:"ENVIRONMENT"`
	Endpoint    string `name:"dynamodb-endpoint" help:"Where DynamoDB is, if not Amazon's own (http://127.0.0.1:8000)." env:"CIS_DYNAMODB_ENDPOINT" placeholder:"URL"`
}

// environmentName is DynamoDB's rule for the names of tables, which have more
// than the environment in them.
var environmentName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,200}$`)

var errNoRegion = errors.New("there is no AWS region: set AWS_REGION, or a region in the profile that AWS_PROFILE names")

func (t tables) config(ctx context.Context) (aws.Config, error) {
	if t.Environment == "" {
		return aws.Config{}, errors.New("say whose tables it is about: --environment, or CIS_ENVIRONMENT")
	}
	if !environmentName.MatchString(t.Environment) {
		return aws.Config{}, fmt.Errorf("--environment: %.40q cannot be part of a table's name: letters, digits and _-. can be", t.Environment)
	}
	if u, err := url.Parse(t.Endpoint); t.Endpoint != "" && (err != nil || u.Host == "") {
		return aws.Config{}, fmt.Errorf("--dynamodb-endpoint: %.40q is no URL such as http://127.0.0.1:8000", t.Endpoint)
	}
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return c, fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	if c.Region == "" {
		return c, errNoRegion
	}
	if t.Endpoint != "" {
		c.BaseEndpoint = &t.Endpoint
	}
	return c, nil
}

// anyVault names a vault in a SQLite file or in DynamoDB.
type anyVault struct {
	Vault  string `help:"The vault's SQLite file." type:"existingfile" env:"CIS_VAULT" placeholder:"FILE"`
	tables `embed:""`
}

func (v anyVault) open(ctx context.Context) (vault.Store, error) {
	switch {
	case v.Vault == "" && v.Environment == "":
		return nil, errors.New("say where the vault is: --vault FILE, or --environment ENVIRONMENT for DynamoDB")
	case v.Vault != "" && v.Environment != "":
		return nil, errors.New("say one of --vault and --environment (CIS_VAULT and CIS_ENVIRONMENT count, too)")
	case v.Vault != "":
		return sqlite.Open(v.Vault)
	}
	c, err := v.config(ctx)
	if err != nil {
		return nil, err
	}
	return dynamo.Open(ctx, c, v.Environment)
}
