package profile

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Timestamp formats a time as profiles do: UTC, with milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// PersonUUID derives a person's uuid from the deployment's salt and the
// user_id: UUIDv5 of "<salt>#<user_id>" in the URL name space. Without the
// salt nobody can tell which user_id it belongs to.
func PersonUUID(salt, userID string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(salt+"#"+userID))
}

// FirstUsername is the primary_username that a new profile starts with: "r--"
// and the uuid's 16 bytes in URL-safe base64, padded.
func FirstUsername(id uuid.UUID) string {
	return "r--" + base64.URLEncoding.EncodeToString(id[:])
}

// Initialise gives a new profile its uuid and primary_username, as of now.
// Both are CIS's own attributes and remain to be signed.
func Initialise(p *Profile, salt string, now time.Time) (*Profile, error) {
	id := PersonUUID(salt, p.String(UserID))
	personUUID, err := own(UUID, id.String(), now)
	if err != nil {
		return nil, err
	}
	username, err := own(PrimaryUsername, FirstUsername(id), now)
	if err != nil {
		return nil, err
	}
	return p.With(UUID, personUUID).With(PrimaryUsername, username), nil
}

// own makes an attribute of CIS's own, created now, from its empty form.
func own(path Path, value string, now time.Time) (*Attribute, error) {
	a := Empty().Get(path)
	m := a.Metadata()
	m.Created, m.LastModified = Timestamp(now), Timestamp(now)
	return a.stamped(m, value)
}

// Touch sets last_modified to now. It remains to be signed.
func Touch(p *Profile, now time.Time) (*Profile, error) {
	a := p.Get(LastModified)
	if a == nil {
		a = Empty().Get(LastModified)
	}
	m := a.Metadata()
	m.LastModified = Timestamp(now)
	a, err := a.stamped(m, Timestamp(now))
	if err != nil {
		return nil, fmt.Errorf("last_modified: %w", err)
	}
	return p.With(LastModified, a), nil
}

// stamped returns the attribute with other metadata and another value.
func (a *Attribute) stamped(m Metadata, value any) (*Attribute, error) {
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	if a, err = a.WithMetadata(m); err != nil {
		return nil, err
	}
	return a.WithValue(text)
}
