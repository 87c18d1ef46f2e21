// Package api is CIS's HTTP interface: the Change API, the Person API and the
// well-known documents. It checks tokens, scopes and sizes, reads and writes
// shapes, and leaves every decision about a change to its workflow.
package api
