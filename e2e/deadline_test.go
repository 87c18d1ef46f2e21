package e2e

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver
)

func TestWhatTakesTooLongIsAcknowledgedAndCarriedOut(t *testing.T) {
	t.Parallel()
	p := start(t, "--deadline", "3s")
	vault, err := sql.Open("sqlite", "file:"+filepath.Join(p.data, "vault.db")+"?_txlock=immediate")
	require.NoError(t, err)
	defer vault.Close()
	busy, err := vault.Begin() // nobody else can write until this ends
	require.NoError(t, err)

	token, body := p.token(), p.newcomer(ada)
	const header, key = "Idempotency-Key", "slow"
	r := p.must(http.MethodPost, "/v2/user", token, body, header, key)
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	require.Equal(t, "pending", r.body["condition"])
	number := r.body["sequence_number"].(string)
	require.Equal(t, "Integrating", p.await(number, "Integrating").body["state"])
	require.Nil(t, p.person(ada))
	other := p.must(http.MethodPost, "/v2/user", token, p.newcomer(ada, value{"fun_title", "Countess", ""}), header, key)
	require.Equal(t, http.StatusUnprocessableEntity, other.status, "also while nobody knows what became of the first")

	require.NoError(t, busy.Rollback())
	p.await(number, "Completed")
	require.NotNil(t, p.person(ada))
	after := p.must(http.MethodPost, "/v2/user", token, body, header, key)
	require.Equal(t, http.StatusOK, after.status)
	require.Equal(t, "create", after.body["condition"])
	require.Equal(t, number, after.body["sequence_number"])
}
