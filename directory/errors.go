package directory

import (
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"cis/change"
)

// parking are the result codes that stay the same however often one tries:
// somebody has to mend the schema, the tree, the rights or the profile. Wrong
// credentials are not among them: they fail every change at once, and go on by
// themselves once the password is right, so they are tried again.
var parking = map[uint16]bool{
	ldap.LDAPResultUndefinedAttributeType:    true,
	ldap.LDAPResultInappropriateMatching:     true,
	ldap.LDAPResultConstraintViolation:       true,
	ldap.LDAPResultInvalidAttributeSyntax:    true,
	ldap.LDAPResultNoSuchObject:              true, // the parent is missing
	ldap.LDAPResultAliasProblem:              true,
	ldap.LDAPResultInvalidDNSyntax:           true,
	ldap.LDAPResultReferral:                  true,
	ldap.LDAPResultInsufficientAccessRights:  true,
	ldap.LDAPResultNamingViolation:           true,
	ldap.LDAPResultObjectClassViolation:      true,
	ldap.LDAPResultObjectClassModsProhibited: true,
	ldap.LDAPResultNotAllowedOnRDN:           true,
}

// failure gives an LDAP error its kind, and says what was being done to which
// entry. What the server says of it names attributes at the most.
func failure(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	kind := change.Retry
	if refused, ok := errors.AsType[*ldap.Error](err); ok && parking[refused.ResultCode] {
		kind = change.Park
	}
	return change.As(kind, fmt.Errorf("%s entry %s: %w", doing, name, err))
}
