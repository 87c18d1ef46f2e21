package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"go.temporal.io/sdk/converter"

	"cis/payload"
	"cis/service"
)

// loadCodec reads the keys that histories are encrypted with, and makes one at
// first.
func (s *Stack) loadCodec(ctx context.Context) (err error) {
	file := s.parts.Config.Encryption.KeyFile
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := payload.CreateKeyFile(file, time.Now()); err != nil {
			return fmt.Errorf("key file %s: %w", file, err)
		}
	}
	s.parts.Codec, err = service.Codec(ctx, s.parts.Config.Encryption, s.log("encryption"))
	return err
}

// maxUIPayloads is more than Temporal lets be in one event or answer, in bytes.
const maxUIPayloads = 16 << 20

// startUICodec serves what the embedded UI's page decodes histories with. The
// API has the same for those who have a token. The UI would send one only if
// its user had logged in there, and over HTTPS; here there is neither, so this
// asks for none. It gives nothing away: it listens on loopback, where whoever
// can reach it can get a token for everything with the secret that cis-dev
// prints; and of the pages in a browser only the UI's own are answered.
func (s *Stack) startUICodec(context.Context) error {
	origins, err := origins(s.temporal.UIURL())
	if err != nil {
		return err
	}
	s.serve(s.codecListener, onlyFor(origins, converter.NewPayloadCodecHTTPHandler(s.parts.Codec)))
	return nil
}

// origins are those of the pages at an address on loopback: browsers may be
// told to open it by its name.
func origins(address string) ([]string, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return []string{address, "http://" + net.JoinHostPort("localhost", at.Port())}, nil
}

// onlyFor answers pages of these origins alone, as browsers ask for it to be
// done (CORS). A page of another name that leads to this address has another
// origin.
func onlyFor(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if !slices.Contains(origins, origin) {
			http.Error(w, "only pages of Temporal's web UI may ask for this", http.StatusForbidden)
			return
		}
		w.Header().Set("Vary", "Origin")
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Headers", "content-type, x-namespace")
		if r.Method != http.MethodOptions {
			r.Body = http.MaxBytesReader(w, r.Body, maxUIPayloads)
			next.ServeHTTP(w, r)
		}
	})
}
