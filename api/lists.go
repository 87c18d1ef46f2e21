package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"cis/logs"
	"cis/profile"
	"cis/vault"
)

// readUsers reads whom GET /v2/users asks for.
func readUsers(c *gin.Context) (list vault.Query, query personQuery, problem *Error) {
	if query, problem = readPersonQuery(c); problem != nil {
		return list, query, problem
	}
	list.Activity, list.Limit = query.activity, usersAPage+1
	if list.After, problem = readUsersPosition(c); problem != nil {
		return list, query, problem
	}
	if email, given := c.GetQuery("primaryEmail"); given {
		list.With = []vault.Term{{Attribute: string(profile.PrimaryEmail), Value: email}}
		problem = validText("primaryEmail", email)
	}
	return list, query, problem
}

// users serves GET /v2/users: everybody's profiles, or those with one primary
// email, as the caller may see them.
func (s *server) users(c *gin.Context) {
	list, query, problem := readUsers(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	p, err := s.page(c.Request.Context(), list, query)
	if err != nil {
		s.listFailed(c, err)
		return
	}
	body := []byte(`{"Items":[`)
	for i, person := range p.people {
		if i > 0 {
			body = append(body, ',')
		}
		body = query.show(person, callerOf(c)).AppendJSON(body)
	}
	var next *nextPage
	if p.next != "" {
		next = &nextPage{tokenOf(p.next)}
	}
	respond(c, appendNext(append(body, ']'), next))
}

// appendNext ends a list's answer with its nextPage.
func appendNext(body []byte, next any) []byte {
	token, err := json.Marshal(next)
	if err != nil {
		panic(err) // it is a text, or a struct of one
	}
	body = append(append(body, `,"nextPage":`...), token...)
	return append(body, '}')
}

// page is one page of profiles.
type page struct {
	people []*profile.Profile
	next   string // the position of the next page; "" after the last one
}

// page reads the people whom the list selects, one less than its limit and
// not many more than maxPage bytes of them. Whoever was deleted or changed
// activity between the list and the profile is left out.
func (s *server) page(ctx context.Context, list vault.Query, query personQuery) (p page, err error) {
	listed, err := s.Vault.List(ctx, list)
	if err != nil {
		return p, err
	}
	listed, next := cut(listed, list.Limit-1)
	size, last := 0, ""
	for some := range slices.Chunk(listed, readAtOnce) {
		if size >= maxPage {
			p.next = last
			return p, nil
		}
		last = some[len(some)-1].ID
		if size, err = s.read(ctx, some, query, &p, size); err != nil {
			return p, err
		}
	}
	if next != nil {
		p.next = *next
	}
	return p, nil
}

// readAtOnce is how many profiles are in memory before their size is known.
const readAtOnce = 20

// read adds those of the listed people who are wanted to a page of some size,
// and returns its size then.
func (s *server) read(ctx context.Context, listed []vault.Listed, query personQuery, into *page, size int) (int, error) {
	records, err := s.Vault.Get(ctx, ids(listed)...)
	if err != nil {
		return size, err
	}
	for _, l := range listed {
		record := records[l.ID]
		if !query.wants(record) {
			continue
		}
		person, err := profile.Parse(record.Profile)
		if err != nil {
			return size, unreadable(record.SequenceNumber)
		}
		into.people = append(into.people, person)
		size += len(record.Profile)
	}
	return size, nil
}

// unreadable is the error that a stored profile cannot be read: it is the
// sequence number of the change that stored it.
type unreadable string

func (u unreadable) Error() string {
	return "the profile that change " + string(u) + " stored cannot be read"
}

func ids(listed []vault.Listed) []string {
	ids := make([]string, len(listed))
	for i, l := range listed {
		ids[i] = l.ID
	}
	return ids
}

// listFailed answers where a list could not be had.
func (s *server) listFailed(c *gin.Context, err error) {
	fail(c, s.listProblem(c.Request.Context(), err))
}

// listProblem is why a list could not be had.
func (s *server) listProblem(ctx context.Context, err error) *Error {
	if stored, ok := errors.AsType[unreadable](err); ok {
		return s.unreadable(ctx, slog.String(logs.Change, string(stored)))
	}
	switch {
	case errors.Is(err, vault.ErrInvalid):
		return newError(http.StatusBadRequest, "invalid_parameter", "a parameter is too long or not UTF-8")
	case errors.Is(err, vault.ErrNotIndexed):
		s.Logger.ErrorContext(ctx, "searching", "error", err)
		return unavailable("people cannot be searched yet, the index is being made; try again later")
	}
	return s.vaultFailed(ctx, err)
}

// identity is a person in the list of ids.
type identity struct {
	UUID         string `json:"uuid"`
	UserID       string `json:"user_id"`
	PrimaryEmail string `json:"primary_email"`
	Active       bool   `json:"active"`
}

// readIdentities reads whom GET /v2/users/id/all asks for.
func readIdentities(c *gin.Context) (list vault.Query, problem *Error) {
	list.Prefix, list.Limit = c.Query("connectionMethod"), idsAPage+1
	if list.Prefix == "" {
		return list, invalidParameter("connectionMethod", `is missing: give what the ids begin with, such as "ad"`)
	}
	if problem = validText("connectionMethod", list.Prefix); problem != nil {
		return list, problem
	}
	if list.Activity, problem = readActivity(c.DefaultQuery("active", "true")); problem != nil {
		return list, problem
	}
	list.After, problem = readPosition(c)
	return list, problem
}

// identities serves GET /v2/users/id/all: who there is whose id begins with a
// connection method.
func (s *server) identities(c *gin.Context) {
	list, problem := readIdentities(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	listed, err := s.Vault.List(c.Request.Context(), list)
	if err != nil {
		s.listFailed(c, err)
		return
	}
	listed, next := cut(listed, idsAPage)
	users := make([]identity, len(listed))
	for i, l := range listed {
		users[i] = identity{l.UUID, l.ID, l.PrimaryEmail, l.Active}
	}
	respondUsers(c, users, next)
}

// cut leaves a page of what was listed, and says where the next one begins.
func cut(listed []vault.Listed, size int) (page []vault.Listed, next *string) {
	if len(listed) <= size {
		return listed, nil
	}
	return listed[:size], &listed[size-1].ID
}

// respondUsers answers with a list under "users", and the id after which it
// goes on.
func respondUsers[U identity | found](c *gin.Context, users []U, next *string) {
	text, err := json.Marshal(users)
	if err != nil {
		panic(err) // structs of texts
	}
	respond(c, appendNext(append([]byte(`{"users":`), text...), tokenAt(next)))
}

// tokenAt is the page token of the id after which a list goes on, nil after
// its end.
func tokenAt(next *string) *string {
	if next == nil {
		return nil
	}
	token := tokenOf(*next)
	return &token
}

// ScopeSearch is the scope that searching by attributes needs.
const ScopeSearch = "search:all"

// found is a person in a search's answer.
type found struct {
	ID string `json:"id"`
}

// search serves GET /v2/users/id/all/by_attribute_contains: who has these
// values, and has not those that are given with not_.
func (s *server) search(c *gin.Context) {
	if !callerOf(c).may(ScopeSearch) {
		fail(c, unauthorized("scope_missing", "This endpoint may only be queried using "+ScopeSearch))
		return
	}
	list, query, problem := readSearch(c)
	if problem != nil {
		fail(c, problem)
		return
	}
	full, problem := readFlag(c, "fullProfiles")
	if problem != nil {
		fail(c, problem)
		return
	}
	if full {
		s.searchProfiles(c, list, query)
		return
	}
	listed, err := s.Vault.List(c.Request.Context(), list)
	if err != nil {
		s.listFailed(c, err)
		return
	}
	listed, next := cut(listed, searchHitsPage)
	users := make([]found, len(listed))
	for i, l := range listed {
		users[i].ID = l.ID
	}
	respondUsers(c, users, next)
}

// searchProfiles is search with fullProfiles.
func (s *server) searchProfiles(c *gin.Context, list vault.Query, query personQuery) {
	p, err := s.page(c.Request.Context(), list, query)
	if err != nil {
		s.listFailed(c, err)
		return
	}
	body := []byte(`{"users":[`)
	for i, person := range p.people {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendFound(body, query.show(person, callerOf(c)))
	}
	var next *string
	if p.next != "" {
		next = &p.next
	}
	respond(c, appendNext(append(body, ']'), tokenAt(next)))
}

// appendFound adds a person to the answer of a search with fullProfiles: the
// user_id attribute, as far as the caller may see it, and the profile.
func appendFound(body []byte, shown *profile.Profile) []byte {
	id := []byte("null")
	if a := shown.Get(profile.UserID); a != nil {
		id = a.JSON()
	}
	body = append(append(body, `{"id":`...), id...)
	body = append(append(body, `,"profile":`...), shown.JSON()...)
	return append(body, '}')
}

// searchParameters are the parameters of a search that name no attribute.
var searchParameters = []string{"active", "fullProfiles", "filterDisplay", "nextPage"}

// readSearch reads which attributes must and must not have which values.
func readSearch(c *gin.Context) (list vault.Query, query personQuery, problem *Error) {
	if query, problem = readPersonQuery(c); problem != nil {
		return list, query, problem
	}
	list.Activity, list.Limit = query.activity, searchHitsPage+1
	if list.After, problem = readPosition(c); problem != nil {
		return list, query, problem
	}
	given := c.Request.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(searchParameters, name) {
			continue
		}
		attribute, without := strings.CutPrefix(name, "not_")
		for _, value := range given[name] {
			if problem := addTerm(&list, name, attribute, value, without); problem != nil {
				return list, query, problem
			}
		}
	}
	switch n := len(list.With) + len(list.Without); {
	case n == 0:
		return list, query, invalidParameter("attribute", "none is given: search by one of "+searchable()+", or not_ and one of them")
	case n > maxTerms:
		return list, query, tooManyTerms()
	}
	return list, query, nil
}

// addTerm asks for people who have, or have not, a value; name is what the
// caller gave it as.
func addTerm(list *vault.Query, name, attribute, value string, without bool) *Error {
	if !slices.Contains(profile.Searchable, profile.Path(attribute)) {
		return invalidParameter(short(name), "people cannot be searched by that; use one of "+searchable())
	}
	if problem := validText(name, value); problem != nil {
		return problem
	}
	term, err := profile.SearchTerm(profile.Path(attribute), value)
	if err != nil {
		return invalidParameter(name, err.Error())
	}
	into := &list.With
	if without {
		into = &list.Without
	}
	*into = append(*into, vault.Term{Attribute: attribute, Value: term.Value})
	return nil
}

// maxTerms bounds what one search can ask for.
const maxTerms = 20

func tooManyTerms() *Error {
	return invalidParameter("attribute", "too many are given, at most "+strconv.Itoa(maxTerms))
}

func searchable() string {
	names := make([]string, len(profile.Searchable))
	for i, path := range profile.Searchable {
		names[i] = string(path)
	}
	return strings.Join(names, ", ")
}
