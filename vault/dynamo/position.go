package dynamo

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// A position is an id in which every zero byte is followed by 0xff, then
// endOfID, then a token: so positions are in the order of ids, though an id may
// begin another. Of an id too long for a range key it has the beginning, then
// endOfLong and a hash: those that begin alike are put in order by the reader.
const (
	longestID = 900
	endOfLong = "\xff"
)

var (
	zero      = []byte{0}
	escaped   = []byte{0, 0xff}
	endOfID   = []byte{0, 1}
	afterID   = []byte{0, 2} // follows every position of an id, and none of the next id
	lastBytes = bytes.Repeat([]byte{0xff}, maxRangeKey)
)

func positionOf(id string) []byte {
	position := bytes.ReplaceAll([]byte(id), zero, escaped)
	if len(position) <= longestID {
		return append(position, endOfID...)
	}
	hash := sha256.Sum256([]byte(id))
	return slices.Concat(position[:longestID], []byte(endOfLong), hash[:])
}

// alike returns the beginning of a position that is shared by ids of which the
// positions do not tell the order; none for an id that is whole in it.
func (e entry) alike() []byte {
	if position := e.position(); len(position) > longestID && position[longestID] == endOfLong[0] {
		return position[:longestID]
	}
	return nil
}

// span is a part of a partition: all positions from first to last.
type span struct{ first, last []byte }

// spanOf returns a span that has the ids which begin with prefix and come after
// another; it may have some more, where those are very long.
func spanOf(prefix, after string) span {
	begin := bytes.ReplaceAll([]byte(prefix), zero, escaped)
	begin = begin[:min(len(begin), longestID)]
	first := bytes.ReplaceAll([]byte(after), zero, escaped)
	if len(first) > longestID {
		first = first[:longestID]
	} else if after != "" {
		first = append(first, afterID...)
	}
	if bytes.Compare(first, begin) < 0 {
		first = begin
	}
	if len(first) == 0 {
		first = zero // an empty key is refused
	}
	return span{first, slices.Concat(begin, lastBytes[len(begin):])}
}

func (s span) empty() bool { return bytes.Compare(s.first, s.last) > 0 }
