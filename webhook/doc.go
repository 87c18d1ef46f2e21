// Package webhook tells subscribers of changes: one POST a change, with a
// bearer token that the subscriber verifies before it reads the profile from
// the Person API.
//
// A Sender makes one attempt. When to make the next one is its caller's
// decision, for which every error has a kind (change.KindOf), and a *Refused
// says how long the receiver wants to be left alone.
package webhook
