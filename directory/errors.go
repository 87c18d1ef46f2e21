package directory

import (
	"errors"
	"fmt"
	"log/slog"

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
	return change.As(kind, &failed{doing, name, err})
}

// failed is an error of an entry.
type failed struct {
	doing, name string
	err         error
}

func (f *failed) Error() string { return fmt.Sprintf("%s entry %s: %v", f.doing, f.name, f.err) }
func (f *failed) Unwrap() error { return f.err }

// LogValue implements slog.LogValuer: a server may put values into what it says
// of a refusal, so a log has only its code.
func (f *failed) LogValue() slog.Value {
	text := f.err.Error()
	if refused, ok := errors.AsType[*ldap.Error](f.err); ok && refused.ResultCode < ldap.ErrorNetwork {
		text = fmt.Sprintf("LDAP result code %d %q", refused.ResultCode, ldap.LDAPResultCodeMap[refused.ResultCode])
	}
	return slog.StringValue(fmt.Sprintf("%s entry %s: %s", f.doing, f.name, text))
}
