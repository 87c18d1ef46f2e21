package config

import (
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"cis/payload"
)

// Encryption is how histories, which are all that Temporal keeps, are encrypted.
// Without a key they are in the clear.
type Encryption struct {
	KeyFile    string `name:"key-file" help:"File of the keys that histories are encrypted with; \"cis payload-keys create\" makes one. Where encryption.kms.key is set they only decrypt."`
	KMS        KMS    `name:"kms"`
	DecodeOnly bool   `name:"decode-only" help:"Decrypt with the keys, and encrypt nothing: for the time in which encryption is being switched on or off." default:"false"`
	AllowPlain bool   `name:"allow-plain-histories" help:"Let people's data be in Temporal in the clear in testing and production, too." default:"false"`
	UIOrigin   string `name:"ui-origin" help:"Origin of Temporal's web UI, like https://temporal.example.org, whose pages may call /codec/decode and /codec/encode."`
}

// KMS are data keys of AWS KMS, with the credentials of AWS's own tools.
type KMS struct {
	Key      string        `name:"key" help:"Id, ARN or alias of the AWS KMS key that makes data keys to encrypt with."`
	Older    []string      `name:"older" help:"ARNs of other KMS keys, whose data keys only decrypt."`
	Region   string        `name:"region" help:"AWS region of these keys; that of AWS's own settings (AWS_REGION) if not set."`
	Endpoint string        `name:"endpoint" help:"URL of KMS, if not Amazon's own."`
	Context  []string      `name:"context" help:"Encryption context of the data keys, each NAME=VALUE. It must never change."`
	Period   time.Duration `name:"period" help:"How long a data key encrypts until there is another; while KMS is away, twice as long." default:"1h"`
	Keep     int           `name:"keep" help:"Decrypted data keys that a process keeps in memory." default:"1000"`
	KeepFor  time.Duration `name:"keep-for" help:"How long it keeps them." default:"1h"`
	Timeout  time.Duration `name:"timeout" help:"How long a call of KMS may take." default:"5s"`
}

// Given tells whether there are KMS keys.
func (k KMS) Given() bool { return k.Key != "" || len(k.Older) > 0 }

// Pairs are the encryption context by its names; nil for none.
func (k KMS) Pairs() map[string]string {
	var pairs map[string]string
	for _, one := range k.Context {
		if pairs == nil {
			pairs = map[string]string{}
		}
		name, value, _ := strings.Cut(one, "=")
		pairs[name] = value
	}
	return pairs
}

// Keyed tells whether there are keys to decrypt with.
func (e Encryption) Keyed() bool { return e.KeyFile != "" || e.KMS.Given() }

// Encrypts tells whether what goes to Temporal is encrypted.
func (e Encryption) Encrypts() bool { return !e.DecodeOnly && (e.KeyFile != "" || e.KMS.Key != "") }

func (c *checker) encryption() {
	e := &c.Encryption
	c.keyFile()
	if e.KMS.Given() {
		c.kms()
	}
	switch {
	case e.DecodeOnly && !e.Keyed():
		c.fault(&e.DecodeOnly, "there is no key to decrypt with: set encryption.key-file, encryption.kms.key or encryption.kms.older")
	case e.Keyed() && !e.DecodeOnly && !e.Encrypts():
		c.fault(&e.KMS.Older, "these only decrypt: set encryption.kms.key or encryption.key-file to encrypt with, or encryption.decode-only")
	case !e.Encrypts() && !e.AllowPlain:
		c.plainHistories()
	}
	c.webURL(&e.UIOrigin)
	if at, err := url.Parse(e.UIOrigin); err == nil && at.Host != "" && e.UIOrigin != at.Scheme+"://"+at.Host {
		c.fault(&e.UIOrigin, "%q is more than an origin: write %s://%s", e.UIOrigin, at.Scheme, at.Host)
	}
}

func (c *checker) plainHistories() {
	e := &c.Encryption
	field, instead := any(&e.KeyFile), "set it or encryption.kms.key"
	if e.DecodeOnly {
		field, instead = &e.DecodeOnly, "take it away"
	}
	c.unsafe(field, "people's data would be in Temporal in the clear: %s, or set encryption.allow-plain-histories if that is meant", instead)
}

func (c *checker) keyFile() {
	file := c.Encryption.KeyFile
	if file == "" {
		return
	}
	switch _, err := payload.ReadKeyFile(file); {
	case errors.Is(err, fs.ErrNotExist):
		c.fault(&c.Encryption.KeyFile, "there is no file %s: give this process the one that the others have or, if there is none yet, make it with \"cis payload-keys create %[1]s\"", file)
	case err != nil:
		c.fault(&c.Encryption.KeyFile, "%v", err)
	}
}

func (c *checker) kms() {
	k := &c.Encryption.KMS
	c.webURL(&k.Endpoint)
	c.positive(&k.Period, &k.KeepFor, &k.Timeout)
	if k.Keep == 0 {
		c.fault(&k.Keep, "it must be at least 1")
	}
	for _, arn := range k.Older {
		if !strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":key/") {
			c.fault(&k.Older, "%q is no ARN of a KMS key, like arn:aws:kms:eu-central-1:111122223333:key/…", arn)
		}
	}
	for _, pair := range k.Context {
		if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
			c.fault(&k.Context, "%q is not of the form NAME=VALUE", pair)
		}
	}
	if len(k.Pairs()) != len(k.Context) {
		c.fault(&k.Context, "a name is there twice")
	}
}
