package stack

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"cis/payload"
)

// loadCodec reads the keys that histories are encrypted with, and makes one at
// first.
func (s *Stack) loadCodec(context.Context) error {
	file := s.file("payload-keys.json")
	if err := payload.CreateKeyFile(file, time.Now()); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	keys, err := payload.ReadKeyFile(file)
	if err != nil {
		return err
	}
	s.parts.Codec = payload.NewCodec(keys)
	if s.options.PlainHistories {
		s.parts.Codec = payload.DecodeOnly{PayloadCodec: s.parts.Codec}
	}
	return nil
}
