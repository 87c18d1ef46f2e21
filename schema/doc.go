// Package schema holds the documents that define a profile, and judges by
// them: the JSON schema of profile v2, the publisher rules, the scopes and the
// well-known document.
package schema
