// Package stack wires a whole CIS into one process: the API, the workers and
// everything that production runs as servers of their own (Temporal with its
// UI, the vault, an LDAP directory, a token issuer), on files in one folder.
package stack
