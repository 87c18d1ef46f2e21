// Package workflows holds CIS's workflows. They are deterministic: all I/O is
// in activities, and names that others need to reach a workflow are in
// names.go.
package workflows
