package dynamo

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cis/vault"
)

// item is an item of a table, or the key of one.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func raw(b []byte) types.AttributeValue  { return &types.AttributeValueMemberB{Value: b} }
func flag(b bool) types.AttributeValue   { return &types.AttributeValueMemberBOOL{Value: b} }
func object(m item) types.AttributeValue { return &types.AttributeValueMemberM{Value: m} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func list(l []types.AttributeValue) types.AttributeValue {
	return &types.AttributeValueMemberL{Value: l}
}

// Reading an attribute that is absent or of another type gives the zero value.

func textIn(i item, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func flagIn(i item, name string) bool {
	v, ok := i[name].(*types.AttributeValueMemberBOOL)
	return ok && v.Value
}

func numberIn(i item, name string) int64 {
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64) // only CIS writes numbers, and whole ones
		return n
	}
	return 0
}

func objectIn(i item, name string) item {
	if v, ok := i[name].(*types.AttributeValueMemberM); ok {
		return v.Value
	}
	return nil
}

// The attributes that a person can be looked up by. The original's secondary
// indexes have their names.
const (
	attrUUID     = "user_uuid"
	attrEmail    = "primary_email"
	attrUsername = "primary_username"
)

// maxRangeKey is how many bytes DynamoDB allows in a range key, and so in an id:
// the secondary indexes have it as theirs.
const maxRangeKey = 1024

// An id that is longer stands in the table as longID and its SHA-256, and whole
// in attrWholeID. So does one that could be taken for such.
const (
	longID      = "long-id#"
	attrWholeID = "whole_id"
)

// mainKey is the key of a person's record in the original's table.
func mainKey(id string) item {
	if len(id) > maxRangeKey || strings.HasPrefix(id, longID) {
		hash := sha256.Sum256([]byte(id))
		id = longID + hex.EncodeToString(hash[:])
	}
	return item{"id": text(id)}
}

// mainID is the id of the person whose record in the original's table it is.
func mainID(i item) string { return cmp.Or(textIn(i, attrWholeID), textIn(i, "id")) }

// maxItem is how many bytes DynamoDB allows in an item.
const maxItem = 400 << 10

// itemOf returns the item that keeps a record, as the original makes it, and
// its size. The original's flat_profile, which CIS does not read, is left out
// where it would make the item too large.
func itemOf(r vault.Record) (i item, size int) {
	i = mainKey(r.ID)
	if textIn(i, "id") != r.ID {
		i[attrWholeID] = text(r.ID)
	}
	addKeys(i, r.UUID, r.PrimaryEmail, r.PrimaryUsername)
	i["profile"], i["sequence_number"] = text(string(r.Profile)), text(r.SequenceNumber)
	i["active"], i["revision"] = flag(r.Active), number(r.Revision)
	size = sizeOf(i)
	if flat, ok := flatProfile(r.Profile); ok {
		i["flat_profile"] = object(flat)
		if with := sizeOf(i); with <= maxItem {
			return i, with
		}
		delete(i, "flat_profile")
	}
	return i, size
}

// addKeys adds those keys that are not empty: an index's key may not be.
func addKeys(to item, uuid, email, username string) {
	for name, value := range map[string]string{attrUUID: uuid, attrEmail: email, attrUsername: username} {
		if value != "" {
			to[name] = text(value)
		}
	}
}

// recordOf returns the record that an item keeps.
func recordOf(i item) vault.Record {
	return vault.Record{
		ID:              mainID(i),
		UUID:            textIn(i, attrUUID),
		PrimaryEmail:    textIn(i, attrEmail),
		PrimaryUsername: textIn(i, attrUsername),
		Active:          flagIn(i, "active"),
		Profile:         []byte(textIn(i, "profile")),
		SequenceNumber:  textIn(i, "sequence_number"),
		Revision:        numberIn(i, "revision"),
	}
}

// sizeOf is how many bytes DynamoDB counts for an item, by the rules of its
// documentation: names and texts as UTF-8, and some for each value's type.
func sizeOf(i item) int {
	size := 0
	for name, value := range i {
		size += len(name) + sizeOfValue(value)
	}
	return size
}

func sizeOfValue(value types.AttributeValue) int {
	const container, member, flagOrNull, largestNumber = 3, 1, 1, 21
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return largestNumber
	case *types.AttributeValueMemberL:
		size := container
		for _, e := range v.Value {
			size += member + sizeOfValue(e)
		}
		return size
	case *types.AttributeValueMemberM:
		return container + member*len(v.Value) + sizeOf(v.Value)
	}
	return flagOrNull
}
