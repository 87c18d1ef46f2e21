// Package kmstest stands in for AWS KMS in tests.
package kmstest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Service is at the far end of the wire where KMS would be: it speaks its
// protocol (AWS JSON 1.1) to the SDK's own client, and makes and opens data keys
// with AES-256-GCM, bound to the encryption context. It does not check who
// calls.
type Service struct {
	mu     sync.Mutex
	keys   map[string]cipher.AEAD // by ARN
	counts map[string]int
	failed string
	slow   time.Duration
}

// The ARNs of its keys. The first has the alias "alias/cis".
const (
	ARN      = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000001"
	OtherARN = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000002"
)

// New returns a service with two keys.
func New() *Service {
	s := &Service{keys: map[string]cipher.AEAD{}, counts: map[string]int{}}
	for _, name := range []string{ARN, OtherARN} {
		block, _ := aes.NewCipher(randomBytes(32))
		s.keys[name], _ = cipher.NewGCMWithRandomNonce(block)
	}
	return s
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// Fail lets every call fail with this exception; "" ends that.
func (s *Service) Fail(exception string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = exception
}

// Delay lets every call take as long as that.
func (s *Service) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// Count tells how often an operation was asked for.
func (s *Service) Count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[operation]
}

// question has the members of both operations.
type question struct {
	KeyID          string            `json:"KeyId"`
	KeySpec        string            `json:"KeySpec"`
	Context        map[string]string `json:"EncryptionContext"`
	CiphertextBlob []byte            `json:"CiphertextBlob"`
}

type answer struct {
	KeyID          string `json:"KeyId"`
	Plaintext      []byte `json:"Plaintext"`
	CiphertextBlob []byte `json:"CiphertextBlob,omitempty"`
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	s.mu.Lock()
	s.counts[operation]++
	failed, slow := s.failed, s.slow
	s.mu.Unlock()
	time.Sleep(slow)
	var asked question
	switch err := json.NewDecoder(r.Body).Decode(&asked); {
	case err != nil:
		refuse(w, http.StatusBadRequest, "ValidationException")
	case failed == "KMSInternalException":
		refuse(w, http.StatusInternalServerError, failed)
	case failed != "":
		refuse(w, http.StatusBadRequest, failed)
	default:
		s.carryOut(w, operation, asked)
	}
}

func (s *Service) carryOut(w http.ResponseWriter, operation string, asked question) {
	if asked.KeyID == "alias/cis" {
		asked.KeyID = ARN
	}
	key, ok := s.keys[asked.KeyID]
	context, _ := json.Marshal(asked.Context) // with its names in order
	switch {
	case !ok:
		refuse(w, http.StatusBadRequest, "NotFoundException")
	case operation == "GenerateDataKey" && asked.KeySpec == "AES_256":
		secret := randomBytes(32)
		tell(w, answer{asked.KeyID, secret, key.Seal(nil, nil, secret, context)})
	case operation == "Decrypt":
		secret, err := key.Open(nil, nil, asked.CiphertextBlob, context)
		if err != nil {
			refuse(w, http.StatusBadRequest, "InvalidCiphertextException")
			return
		}
		tell(w, answer{KeyID: asked.KeyID, Plaintext: secret})
	default:
		refuse(w, http.StatusBadRequest, "ValidationException")
	}
}

func tell(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(a)
}

func refuse(w http.ResponseWriter, status int, exception string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": exception, "message": "as the test wants it"})
}
