package cluster

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// planned is a change that a client sends: it sets one attribute of a person to
// a value that no other change has, or creates the person.
type planned struct {
	key       string // its Idempotency-Key
	person    string
	publisher string
	path      profile.Path // "" for a creation
	text      string       // the value, or of groups the name of one
	groups    []string
}

const (
	ldapPublisher                = "ldap"
	peoplePublisher              = "mozilliansorg"
	ldapGroups      profile.Path = "access_information.ldap"
	peopleGroups    profile.Path = "access_information.mozilliansorg"
	commonGroups                 = 12
	newcomersName                = "New"
)

// updated are the attributes that changes are of, and whose they are.
var updated = []struct {
	path      profile.Path
	publisher string
}{
	{"fun_title", peoplePublisher}, {"description", peoplePublisher}, {"first_name", peoplePublisher},
	{ldapGroups, ldapPublisher}, {peopleGroups, peoplePublisher},
}

func person(i int) string { return fmt.Sprint("ad|Mozilla-LDAP|person-", i) }

// creations are the first changes, one a person; changes are all others, of
// people in any order.

func creation(i int) planned {
	return planned{key: fmt.Sprint("create-", i), person: person(i), publisher: ldapPublisher, text: newcomersName}
}

func update(i, people int, random *rand.Rand) planned {
	of := updated[random.IntN(len(updated))]
	p := planned{key: fmt.Sprint("update-", i), person: person(random.IntN(people)), publisher: of.publisher, path: of.path,
		text: fmt.Sprint("value ", i)}
	if of.path == ldapGroups || of.path == peopleGroups {
		p.groups = []string{fmt.Sprint("group-", i)}
		for range random.IntN(4) {
			p.groups = append(p.groups, fmt.Sprint("common-", random.IntN(commonGroups)))
		}
	}
	return p
}

// body is the change's partial profile, signed.
func (c *cluster) body(p planned) []byte {
	values := map[profile.Path]any{profile.UserID: p.person}
	switch {
	case p.path == "":
		values["login_method"], values[profile.Active] = "ad", true
		values["first_name"], values["last_name"] = p.text, p.person
		values[profile.PrimaryEmail] = "someone@example.org"
	case p.groups != nil:
		groups := map[string]any{}
		for _, name := range p.groups {
			groups[name] = nil
		}
		values[p.path] = groups
	default:
		values[p.path] = p.text
	}
	built, paths, err := profile.Empty(), []profile.Path{}, error(nil)
	for path, value := range values {
		built, err = built.Set(path, value, time.Now())
		require.NoError(c.t, err)
		paths = append(paths, path)
	}
	built, err = c.signers[p.publisher].Profile(built, paths...)
	require.NoError(c.t, err)
	return built.JSON()
}
