// Package signing makes and verifies the signatures of profile attributes:
// compact JWS over an attribute's content, as the original system makes them.
//
// A signature of ours also carries, in its protected header, whose attribute
// and which one it covers (cis_user, cis_attr), so that it cannot be moved to
// another person or another attribute. Readers that do not know these header
// parameters ignore them.
package signing
