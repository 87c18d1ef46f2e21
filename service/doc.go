// Package service makes a running CIS of its parts: the API, the workers, or
// both in one process. What the parts are is decided by whoever fills them in:
// cis as its configuration says, cis-dev with servers of its own.
package service
