// Package ldapd is an LDAP directory inside this process, kept in a SQLite
// file. It speaks the protocol to any client and is as strict as a real server
// in what CIS relies on: a modification happens whole or not at all, and one
// that deletes a value that is not there is refused.
//
// Anyone may read; only the bind DN may write. There is no schema beyond what
// an entry needs to have its name, its class and, for a person, cn and sn.
package ldapd
