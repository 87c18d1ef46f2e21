// Package config is what an operator can set: one typed struct, read from
// flags, environment variables and a file, in that order of precedence.
//
// A setting has one name, its path in the file ("temporal.address"); its flag
// (--temporal-address) and its variable (CIS_TEMPORAL_ADDRESS) follow from it.
// Whatever is wrong is found at the start and told all at once, each problem
// under the name that the operator wrote.
package config
