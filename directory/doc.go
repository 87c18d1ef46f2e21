// Package directory keeps an LDAP directory's entries of people equal to their
// profiles.
//
// Each entry carries the revision of the profile that it shows (cisRevision),
// and every modification deletes the old revision's value and adds the new
// one: an older publication can never overwrite a newer one, however the two
// are retried or reordered.
package directory
