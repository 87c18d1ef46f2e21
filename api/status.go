package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"cis/change"
	"cis/logs"
	"cis/workflows"
)

// status is the answer of GET /v2/status. Anyone may know whether a change is
// in the vault; the rest is for those who write changes, and for operators.
type status struct {
	IdentityVault bool                    `json:"identity_vault"`
	State         change.State            `json:"state,omitempty"`
	Condition     change.Condition        `json:"condition,omitempty"`
	Persons       []string                `json:"persons,omitempty"`
	Rejections    []change.Rejection      `json:"rejections,omitempty"`
	Targets       []change.TargetProgress `json:"targets,omitempty"`
}

func (s *server) status(c *gin.Context) {
	number, err := change.ParseNumber(c.Query("sequenceNumber"))
	if err != nil {
		fail(c, invalidParameter("sequenceNumber", err.Error()))
		return
	}
	deadlineOf(c).answer(s.Deadline)
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.Deadline)
	defer cancel()
	applied, err := s.Vault.Applied(ctx, string(number))
	if err != nil {
		s.Logger.ErrorContext(ctx, "reading the change log", logs.Change, number, "error", err)
		fail(c, unavailable("the vault cannot be reached, try again later"))
		return
	}
	entry, stored := applied[string(number)]
	answer := status{IdentityVault: stored, Condition: change.Condition(entry.Condition)}
	if who := callerOf(c); !who.may(ScopeWrite) && !who.may(ScopeOperate) {
		c.JSON(http.StatusOK, status{IdentityVault: stored})
		return
	}
	known, err := s.Changes.Status(ctx, number)
	switch {
	case errors.Is(err, workflows.ErrNoSuchChange):
		if stored {
			// Temporal has forgotten it. It does so only with what has ended.
			answer.State, answer.Persons = change.Completed, []string{s.Changes.Person(entry.ID)}
		}
	case err != nil:
		s.Logger.ErrorContext(ctx, "asking for a change's progress", logs.Change, number, "error", err)
		fail(c, unavailable("the change's state cannot be had now, try again later"))
		return
	default:
		answer.fill(known)
	}
	c.JSON(http.StatusOK, answer)
}

func (a *status) fill(known workflows.Status) {
	a.State, a.Persons, a.Targets = known.State, []string{known.Person}, known.Targets
	a.Rejections = known.Result.Rejections
	for _, o := range known.Result.Outcomes {
		a.Condition = o.Condition
	}
}
