package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
	"cis/vault/sqlite"
)

// BenchmarkPut shows what the sync at the end of a Put costs, and how it is
// shared by the writes of a call.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("writes=%d", n), func(b *testing.B) {
			s, err := sqlite.Open(filepath.Join(b.TempDir(), "vault.db"))
			require.NoError(b, err)
			defer func() { require.NoError(b, s.Close()) }()
			profile := []byte(`{"filling":"` + strings.Repeat("x", 20_000) + `"}`)
			writes := make([]vault.Write, n)
			for round := 0; b.Loop(); round++ {
				for i := range writes {
					number := fmt.Sprintf("%d-%d", round, i)
					writes[i] = write(number, number, "", 1)
					writes[i].Record.Profile = profile
				}
				_, err := s.Put(context.Background(), writes...)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// BenchmarkGet reads one profile of 20 KB out of a thousand.
func BenchmarkGet(b *testing.B) {
	s, err := sqlite.Open(filepath.Join(b.TempDir(), "vault.db"))
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	writes := make([]vault.Write, 1_000)
	for i := range writes {
		writes[i] = write(fmt.Sprint(i), fmt.Sprint(i), "", 1)
		writes[i].Record.Profile = []byte(`{"filling":"` + strings.Repeat("x", 20_000) + `"}`)
	}
	_, err = s.Put(context.Background(), writes...)
	require.NoError(b, err)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			records, err := s.Get(context.Background(), fmt.Sprint(i%1_000))
			if err != nil || len(records) != 1 {
				b.Error(len(records), err)
			}
		}
	})
}
