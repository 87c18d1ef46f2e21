package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"cis/logs"
	"cis/profile"
	"cis/vault"
)

// graphQuery answers the fields of Query in schema.graphql.
type graphQuery struct{ s *server }

// graphError is an error in an answer's errors, with its code as an extension.
type graphError struct{ problem *Error }

func (e graphError) Error() string { return e.problem.Description }

// Extensions are the error's in the answer.
func (e graphError) Extensions() map[string]any { return map[string]any{"code": e.problem.Code} }

// personArgs are the arguments of Query.profile.
type personArgs struct {
	UserID, UUID, PrimaryEmail, PrimaryUsername *string

	Active        string
	FilterDisplay *string
}

// Profile answers Query.profile.
func (q *graphQuery) Profile(ctx context.Context, args personArgs) (*graphProfile, error) {
	key, value, problem := args.key()
	if problem != nil {
		return nil, graphError{problem}
	}
	o := operationOf(ctx)
	if problem := o.ask(1); problem != nil {
		return nil, graphError{problem}
	}
	found, problem := q.s.lookUp(ctx, key, value, graphFilter(args.Active, args.FilterDisplay), o.who)
	switch {
	case problem != nil:
		return nil, o.fail(problem)
	case found.isNobody():
		return nil, nil
	}
	return q.show(ctx, o, found.body, slog.String(logs.Change, found.version.SequenceNumber))
}

// key is the one key that the arguments give.
func (a personArgs) key() (key vault.Key, value string, problem *Error) {
	given := 0
	for k, v := range map[vault.Key]*string{
		vault.KeyUserID: a.UserID, vault.KeyUUID: a.UUID,
		vault.KeyPrimaryEmail: a.PrimaryEmail, vault.KeyPrimaryUsername: a.PrimaryUsername,
	} {
		if v != nil {
			given++
			key, value = k, *v
		}
	}
	if given != 1 {
		return "", "", newError(http.StatusBadRequest, "invalid_parameter",
			"profile: give exactly one of userId, uuid, primaryEmail and primaryUsername")
	}
	return key, value, validKey("profile", value)
}

// listArgs are the arguments of Query.profiles.
type listArgs struct {
	PrimaryEmail, ConnectionMethod *string

	Where         []condition
	Active        string
	FilterDisplay *string
	First         int32
	NextPage      *string
}

// condition is that a person has, or has not, a value.
type condition struct {
	Attribute, Value string
	Not              bool
}

// graphPage is a page of people.
type graphPage struct {
	Items    []*graphProfile
	NextPage *string
}

// Profiles answers Query.profiles.
func (q *graphQuery) Profiles(ctx context.Context, args listArgs) (*graphPage, error) {
	o := operationOf(ctx)
	list, problem := readGraphList(args, o.who)
	if problem != nil {
		return nil, graphError{problem}
	}
	if problem := o.ask(int(args.First)); problem != nil {
		return nil, graphError{problem}
	}
	query := graphFilter(args.Active, args.FilterDisplay)
	list.Activity, list.Limit = query.activity, int(args.First)+1
	page, err := q.s.page(ctx, list, query)
	if err != nil {
		return nil, o.fail(q.s.listProblem(ctx, err))
	}
	shown := &graphPage{Items: make([]*graphProfile, len(page.people))}
	for i, p := range page.people {
		if shown.Items[i], err = q.show(ctx, o, query.show(p, o.who).JSON(), slog.String(logs.Person, p.String(profile.UUID))); err != nil {
			return nil, err
		}
	}
	if page.next != "" {
		token := tokenOf(page.next)
		shown.NextPage = &token
	}
	return shown, nil
}

func readGraphList(args listArgs, who caller) (list vault.Query, problem *Error) {
	if args.First < 1 || args.First > maxGraphPeople {
		return list, invalidParameter("first", fmt.Sprintf("must be from 1 to %d", maxGraphPeople))
	}
	if len(args.Where) > 0 && !who.may(ScopeSearch) {
		return list, unauthorized("scope_missing", "where may only be used with the scope "+ScopeSearch)
	}
	for _, c := range args.Where {
		if problem := addTerm(&list, c.Attribute, c.Attribute, c.Value, c.Not); problem != nil {
			return list, problem
		}
	}
	if len(args.Where) > maxTerms {
		return list, tooManyTerms()
	}
	if args.PrimaryEmail != nil {
		list.With = append(list.With, vault.Term{Attribute: string(profile.PrimaryEmail), Value: *args.PrimaryEmail})
	}
	if args.ConnectionMethod != nil {
		list.Prefix = *args.ConnectionMethod
	}
	if args.NextPage != nil {
		list.After, problem = idOf(*args.NextPage)
	}
	return list, problem
}

// graphFilter makes the filters of the Person API of the enumerations Activity
// and Display.
func graphFilter(active string, display *string) personQuery {
	q := personQuery{activity: map[string]vault.Activity{
		"ACTIVE": vault.ActiveOnly, "INACTIVE": vault.InactiveOnly, "ANY": vault.AnyActivity,
	}[active]}
	if display != nil {
		level := profile.Display(*display)
		q.display = &level
	}
	return q
}

// show answers with what the caller may see of a profile, which has an attribute
// that names it in logs.
func (q *graphQuery) show(ctx context.Context, o *operation, visible []byte, name slog.Attr) (*graphProfile, error) {
	shown, err := newGraphProfile(visible)
	if err != nil {
		return nil, o.fail(q.s.unreadable(ctx, name))
	}
	return shown, nil
}
