package profile_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cis/profile"
)

func TestPersonUUID(t *testing.T) {
	// Computed with Python's uuid.uuid5(uuid.NAMESPACE_URL, "<salt>#<user_id>").
	for _, c := range []struct{ salt, userID, uuid, username string }{
		{"salt", "ad|Mozilla-LDAP|jdoe", "359c9f52-eb58-586a-9ef4-1a55346c12cb", "r--NZyfUutYWGqe9BpVNGwSyw=="},
		{"salt", "ad|Mozilla-LDAP|JDOE", "6df30038-2590-5da3-a2cd-5eedf09fbcd6", "r--bfMAOCWQXaOizV7t8J-81g=="},
		{"pepper", "ad|Mozilla-LDAP|jdoe", "f68b067e-f29f-5abc-b39d-8f0f3074a442", "r--9osGfvKfWryznY8PMHSkQg=="},
		{"", "", "87db6235-64ad-5fcc-a370-15499da9c996", "r--h9tiNWStX8yjcBVJnanJlg=="},
		{"a#b", "email|zoë@example.com", "662ed4dd-5849-5bf2-a95c-fdb241a3aded", "r--Zi7U3VhJW_KpXP2yQaOt7Q=="},
	} {
		id := profile.PersonUUID(c.salt, c.userID)
		require.Equal(t, c.uuid, id.String())
		require.Equal(t, c.username, profile.FirstUsername(id))
	}
}

func TestFirstUsernameIsURLSafeAndPadded(t *testing.T) {
	require.Equal(t, "r--_-___________________w==", profile.FirstUsername(uuid.MustParse("ffefffff-ffff-ffff-ffff-ffffffffffff")))
}

func TestTimestamp(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	require.Equal(t, "2024-01-02T01:04:05.000Z", profile.Timestamp(time.Date(2024, 1, 2, 3, 4, 5, 0, zone)))
	require.Equal(t, "2024-01-02T03:04:05.678Z", profile.Timestamp(time.Date(2024, 1, 2, 3, 4, 5, 678_999_999, time.UTC)))
}

func TestInitialise(t *testing.T) {
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	userID := attrs{"user_id": {by: "ldap", value: `"ad|Mozilla-LDAP|jdoe"`}}

	t.Run("a new profile gets its uuid and username, and nothing else", func(t *testing.T) {
		before := userID.stored(t)
		p, err := profile.Initialise(before, "salt", now)
		require.NoError(t, err)
		require.Equal(t, []profile.Path{"uuid", "primary_username"}, differing(before, p))
		id := profile.PersonUUID("salt", "ad|Mozilla-LDAP|jdoe")
		require.Equal(t, id.String(), p.String("uuid"))
		require.Equal(t, profile.FirstUsername(id), p.String("primary_username"))
	})
	t.Run("both are as of now, and cis's", func(t *testing.T) {
		p, err := profile.Initialise(userID.stored(t), "salt", now)
		require.NoError(t, err)
		public := "public"
		for _, path := range names(t, "uuid primary_username") {
			require.Equal(t, "cis", p.Get(path).Publisher())
			require.Equal(t, profile.Metadata{Classification: "PUBLIC", LastModified: "2024-01-02T03:04:05.000Z",
				Created: "2024-01-02T03:04:05.000Z", Verified: true, Display: &public}, p.Get(path).Metadata())
		}
	})
	t.Run("the same arguments give the same profile", func(t *testing.T) {
		first, err := profile.Initialise(userID.partial(t), "salt", now)
		require.NoError(t, err)
		for range 20 {
			again, err := profile.Initialise(userID.partial(t), "salt", now)
			require.NoError(t, err)
			require.Equal(t, string(first.JSON()), string(again.JSON()))
		}
	})
}

func TestTouch(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	t.Run("value and metadata say now, created stays", func(t *testing.T) {
		before := attrs{"last_modified": {by: "ldap", value: `"2024-01-02T03:04:05.000Z"`}}.stored(t)
		p, err := profile.Touch(before, now)
		require.NoError(t, err)
		require.Equal(t, []profile.Path{"last_modified"}, differing(before, p))
		require.Equal(t, "2025-01-02T03:04:05.678Z", p.String("last_modified"))
		require.Equal(t, profile.Metadata{Classification: "PUBLIC", LastModified: "2025-01-02T03:04:05.678Z",
			Created: "2024-01-02T03:04:05.000Z", Verified: true}, p.Get("last_modified").Metadata())
	})
	t.Run("a profile without last_modified gets one", func(t *testing.T) {
		p, err := profile.Touch(parse(t, `{}`), now)
		require.NoError(t, err)
		require.Equal(t, "2025-01-02T03:04:05.678Z", p.String("last_modified"))
		require.Equal(t, "cis", p.Get("last_modified").Publisher())
	})
}
