package api

import (
	"encoding/json"
	"errors"

	jsonv2 "github.com/go-json-experiment/json"
)

// These are the types of schema.graphql. Their fields are read from a profile's
// members by name, in which case and underscores do not count; what the caller
// may not see is nil.

type graphProfile struct {
	Schema                                                       *string
	UUID, UserID, PrimaryUsername, LoginMethod                   *graphText
	Active                                                       *graphFlag
	LastModified, Created                                        *graphText
	Usernames                                                    *graphValues
	Pronouns, FirstName, LastName, AlternativeName, PrimaryEmail *graphText
	Identities                                                   *graphIdentities
	SSHPublicKeys, PGPPublicKeys                                 *graphValues
	AccessInformation                                            *graphAccessInformation
	FunTitle, Description, Location, Timezone                    *graphText
	Languages, Tags                                              *graphValues
	Picture                                                      *graphText
	URIs, PhoneNumbers                                           *graphValues
	StaffInformation                                             *graphStaffInformation
}

type graphIdentities struct {
	GitHubIDV3, GitHubIDV4, GitHubPrimaryEmail                                         *graphText
	MozilliansorgID, BugzillaMozillaOrgID, BugzillaMozillaOrgPrimaryEmail              *graphText
	MozillaLDAPID, MozillaLDAPPrimaryEmail, MozillaPosixID                             *graphText
	GoogleOauth2ID, GooglePrimaryEmail, FirefoxAccountsID, FirefoxAccountsPrimaryEmail *graphText
	Custom1PrimaryEmail, Custom2PrimaryEmail, Custom3PrimaryEmail                      *graphText
}

type graphAccessInformation struct {
	LDAP, Mozilliansorg, HRIS, AccessProvider *graphValues
}

type graphStaffInformation struct {
	Manager, Director, Staff                                           *graphFlag
	Title, Team, CostCenter, WorkerType, WprDeskNumber, OfficeLocation *graphText
}

type graphText struct {
	graphAttribute
	Value *string
}

type graphFlag struct {
	graphAttribute
	Value *bool
}

type graphValues struct {
	graphAttribute
	Values *graphJSON
}

type graphAttribute struct {
	Signature graphSignature
	Metadata  graphMetadata
}

type graphSignature struct {
	Publisher  graphSignatureValue
	Additional []graphSignatureValue
}

type graphSignatureValue struct {
	Alg, Typ string
	Name     *string
	Value    string
}

type graphMetadata struct {
	Classification, LastModified, Created string
	Verified                              bool
	Display                               *string
}

// graphJSON is a value of the scalar JSON, which is only ever given out.
type graphJSON struct{ json.RawMessage }

// ImplementsGraphQLType implements decode.Unmarshaler.
func (graphJSON) ImplementsGraphQLType(name string) bool { return name == "JSON" }

// UnmarshalGraphQL implements decode.Unmarshaler.
func (graphJSON) UnmarshalGraphQL(any) error {
	return errors.New("JSON cannot be given as an argument")
}

// newGraphProfile reads a profile that a caller may see as it is.
func newGraphProfile(visible []byte) (*graphProfile, error) {
	shown := new(graphProfile)
	return shown, jsonv2.Unmarshal(visible, shown, jsonv2.MatchCaseInsensitiveNames(true))
}
