package signing_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"cis/profile"
	"cis/signing"
)

// A publisher signs an attribute of a person's profile; CIS verifies it
// against the publisher's published keys. The signature is good for that
// person and that attribute only.
func Example() {
	// A fixed key, so that the example prints the same each time. Publishers
	// keep theirs in a KeyStore.
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ldap, err := signing.NewSigner("ldap", key)
	if err != nil {
		panic(err)
	}
	p, err := profile.Parse([]byte(`{
		"user_id":    {"metadata": {"display": "public"}, "value": "ad|Mozilla-LDAP|ada"},
		"first_name": {"metadata": {"display": "public"}, "value": "Ada"}
	}`))
	if err != nil {
		panic(err)
	}
	p, err = ldap.Profile(p, "user_id", "first_name")
	if err != nil {
		panic(err)
	}

	public, err := ldap.Public()
	if err != nil {
		panic(err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		panic(err)
	}
	verifier := signing.NewVerifier(signing.StaticKeySets{"ldap": set})

	ctx := context.Background()
	fmt.Println(verifier.Verify(ctx, "ad|Mozilla-LDAP|ada", "first_name", p.Get("first_name")))
	err = verifier.Verify(ctx, "ad|Mozilla-LDAP|eve", "first_name", p.Get("first_name"))
	fmt.Println(err)
	if invalid, ok := errors.AsType[*signing.Invalid](err); ok {
		fmt.Println(invalid.Path, invalid.Publisher)
	}
	// Output:
	// <nil>
	// the signature of first_name by publisher "ldap" is not valid: it was made for another person
	// first_name ldap
}

func ExampleSigner_Sign() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ldap, err := signing.NewSigner("ldap", key)
	if err != nil {
		panic(err)
	}
	token, err := ldap.Sign([]byte(`{"value":"Ada"}`), signing.Binding{})
	if err != nil {
		panic(err)
	}
	fmt.Println(token)
	// Output:
	// eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJ2YWx1ZSI6IkFkYSJ9.5KnuGnpdekSKsKDAtz33PbzSWYx-WzdbZOw012WE16K7LRMHMrbwVDcrBUBa8z7RhmNt6jGY5_1AmLlsOScjAQ
}
