package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// slowly is a body that comes in parts, with a wait before each.
type slowly struct {
	parts []string
	wait  time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	time.Sleep(s.wait)
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; s.parts[0] == "" && len(s.parts) > 1 {
		s.parts = s.parts[1:]
	}
	return n, nil
}

func TestABatchThatTakesTooLongToComeIsRefused(t *testing.T) {
	gin.SetMode(gin.TestMode)
	for wait, wantRead := range map[time.Duration]int{maxBatchTime / 4: 3, maxBatchTime + time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			body := &slowly{parts: append([]string{"["}, strings.Split(strings.Repeat("{},|", 20), "|")...), wait: wait}
			c.Request = httptest.NewRequest(http.MethodPost, "/v2/users", body)
			stream := newProfileStream(c)
			for read := 0; ; read++ {
				next, problem := stream.next()
				if problem == nil {
					require.NotNil(t, next)
					continue
				}
				require.Equal(t, wantRead, read, "at %s each", wait)
				require.Equal(t, http.StatusRequestTimeout, problem.status)
				require.Equal(t, "request_timeout", problem.Code)
				require.Contains(t, problem.Description, "15m0s: send the batch in several")
				return
			}
		})
	}
}
