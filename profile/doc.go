// Package profile is the profile v2: what CIS knows of one person.
//
// A Profile keeps every attribute exactly as it was received, because
// signatures cover its content: nothing is reordered, reformatted or dropped.
// Merging, the publisher rules and the filters are pure functions of their
// arguments; a function that needs the time takes it.
package profile
