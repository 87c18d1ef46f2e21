// Package payload encrypts what CIS writes to Temporal. A Codec compresses each
// payload and seals it with a named key; keys are in a file (ReadKeyFile) or
// made by a key management service (package awskms). What was written before
// encryption was switched on stays readable.
package payload
