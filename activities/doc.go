// Package activities holds the steps of a change that do I/O. Each is a method
// of a struct whose fields are what it depends on.
//
// Integration decides on a change and stores it: local activities, because the
// publisher waits. Publishing carries a stored change to its targets: regular
// activities, tried again for as long as the target's schedule says.
package activities
