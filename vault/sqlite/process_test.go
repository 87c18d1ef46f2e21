package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
	"cis/vault/sqlite"
)

// The tests of this file run the test binary itself as another process, which
// does what these two variables say.
const (
	childDoes = "CIS_TEST_VAULT_CHILD"
	childPath = "CIS_TEST_VAULT_PATH"
)

func TestMain(m *testing.M) {
	children := map[string]func(path string) error{"write": childWrites, "count": childCounts, "open": childOpens}
	if does := os.Getenv(childDoes); does != "" {
		if err := children[does](os.Getenv(childPath)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, does, path string) *exec.Cmd {
	t.Helper()
	// Not os.Executable: this works for a user who may not enter its folder.
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childDoes+"="+does, childPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// childWrites writes without end, several goroutines at once, and acknowledges
// each write on standard output as "<person> <sequence number> <revision>".
func childWrites(path string) error {
	s, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	var acknowledging sync.Mutex
	failed := make(chan error)
	for _, id := range []string{"a", "b", "c", "d"} {
		go func() {
			for {
				records, err := s.Get(context.Background(), id)
				if err != nil {
					failed <- err
					return
				}
				last := records[id]
				w := write(id, fmt.Sprintf("%s-%d", id, last.Revision+1), last.SequenceNumber, last.Revision+1)
				w.Record.Profile = fmt.Appendf(nil, `{"number":%q,"filling":%q}`, w.Record.SequenceNumber, strings.Repeat("x", 20_000))
				conflicts, err := s.Put(context.Background(), w)
				if err != nil || len(conflicts) > 0 {
					failed <- fmt.Errorf("conflicts %v, error %w", conflicts, err)
					return
				}
				acknowledging.Lock()
				fmt.Println(id, w.Record.SequenceNumber, w.Record.Revision)
				acknowledging.Unlock()
			}
		}()
	}
	return <-failed
}

func TestAnAcknowledgedWriteSurvivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	acknowledged := make(map[string]vault.Applied)
	for round, kills := range []int{1, 10, 37, 150, 400} {
		cmd := child(t, "write", path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var a vault.Applied
			_, err := fmt.Sscan(lines.Text(), &a.ID, &a.SequenceNumber, &a.Revision)
			require.NoError(t, err, lines.Text())
			acknowledged[a.SequenceNumber] = a
			if n == kills {
				require.NoError(t, cmd.Process.Signal(syscall.SIGKILL)) // and read on what it had said by then
			}
		}
		require.Error(t, cmd.Wait())
		require.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())

		s, err := sqlite.Open(path)
		require.NoError(t, err)
		checkAcknowledged(t, s, acknowledged, round)
		require.NoError(t, s.Close())
	}
}

func checkAcknowledged(t *testing.T, s *sqlite.Store, acknowledged map[string]vault.Applied, round int) {
	t.Helper()
	var numbers []string
	newest := make(map[string]int64)
	for number, a := range acknowledged {
		numbers = append(numbers, number)
		newest[a.ID] = max(newest[a.ID], a.Revision)
	}
	log, err := s.Applied(context.Background(), numbers...)
	require.NoError(t, err)
	for number, a := range acknowledged {
		a.Condition = log[number].Condition
		require.Equal(t, a, log[number], "round %d", round)
	}
	for id, revision := range newest {
		records, err := s.Get(context.Background(), id)
		require.NoError(t, err)
		r := records[id]
		// At most one write was stored without having been acknowledged yet.
		require.Contains(t, []int64{revision, revision + 1}, r.Revision, "round %d", round)
		require.Contains(t, string(r.Profile), fmt.Sprintf("%q", r.SequenceNumber))
		newest[id] = r.Revision
		acknowledged[r.SequenceNumber] = vault.Applied{ID: id, SequenceNumber: r.SequenceNumber, Revision: r.Revision}
	}
}

const counts = 40

// childCounts makes a number of updates of the person "shared", against others
// who do the same.
func childCounts(path string) error {
	s, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	for n := range counts {
		if err := count(s, fmt.Sprintf("%d-%d", os.Getpid(), n)); err != nil {
			return err
		}
	}
	return s.Close()
}

func count(s *sqlite.Store, number string) error {
	for {
		records, err := s.Get(context.Background(), "shared")
		if err != nil {
			return err
		}
		last := records["shared"]
		conflicts, err := s.Put(context.Background(), write("shared", number, last.SequenceNumber, last.Revision+1))
		if err != nil || len(conflicts) == 0 {
			return err
		}
	}
}

func TestTwoProcessesWorkOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db") // which they also create at the same time
	var children []*exec.Cmd
	for range 2 {
		cmd := child(t, "count", path)
		out := &strings.Builder{}
		cmd.Stdout = out
		t.Cleanup(func() {
			if t.Failed() {
				t.Log("a child said:", out)
			}
		})
		require.NoError(t, cmd.Start())
		children = append(children, cmd)
	}
	s := open(t, path)
	for n := range counts {
		require.NoError(t, count(s, fmt.Sprintf("mine-%d", n)))
	}
	for _, cmd := range children {
		require.NoError(t, cmd.Wait())
	}
	records, err := s.Get(context.Background(), "shared")
	require.NoError(t, err)
	require.Equal(t, int64(3*counts), records["shared"].Revision)
}

// childOpens says how opening went.
func childOpens(path string) error {
	s, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	return s.Close()
}

func TestAFileThatCannotBeWrittenIsRefusedInOneLine(t *testing.T) {
	dir, err := os.MkdirTemp("", "vault")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	existing := filepath.Join(dir, "vault.db")
	s, err := sqlite.Open(existing)
	require.NoError(t, err)
	put(t, s, write("a", "1", "", 1))
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(existing, 0o444))
	require.NoError(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o755)) })

	for path, says := range map[string]string{
		existing:                       "cannot be written",
		filepath.Join(dir, "new.db"):   "permission denied",
		"/proc/no-files-here/vault.db": "no such file or directory",
	} {
		cmd := child(t, "open", path)
		if os.Geteuid() == 0 { // whom no permissions keep out
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			cmd.Dir = "/"
		}
		out := &strings.Builder{}
		cmd.Stdout = io.Writer(out)
		require.Error(t, cmd.Run(), "opening %s", path)
		require.Contains(t, out.String(), says)
		require.Contains(t, out.String(), path)
		require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
	}
}
