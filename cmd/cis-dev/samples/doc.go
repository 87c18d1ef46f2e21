// Package samples shows a newcomer what CIS does: it is three publishers who
// create people and change them through the REST API, and two services that
// are told of it, one of them out of order.
package samples
