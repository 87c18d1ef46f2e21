// Package change holds the words that the API, the workflows and the
// activities share: change sets and their sequence numbers, what became of
// each change, the state of each target, and the kinds of failure. It depends
// on no other package of CIS and does no I/O.
package change
