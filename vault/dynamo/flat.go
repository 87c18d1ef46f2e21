package dynamo

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxDepth is how deep values may lie in one another in flat_profile:
// DynamoDB's limit of 32, less the item itself.
const maxDepth = 30

// A number that DynamoDB can hold has at most so many digits, and is no larger
// and, but for 0, no smaller than these.
const (
	maxDigits      = 38
	largestNumber  = 9e125
	smallestNumber = 1e-130
)

// flatProfile makes the original's flat_profile: every attribute replaced by
// its value, without signatures and metadata. It does so as the original does,
// by shape and not by name: an object that has one of the members "value" and
// "values" becomes that member, and an empty text, as a name or as a value,
// takes its member with it. So an attribute whose value is the empty text stays
// an object, as there is no value left to become. What DynamoDB cannot hold is
// left out, and ok is false where the profile is not a JSON object.
func flatProfile(profile []byte) (flat item, ok bool) {
	d := json.NewDecoder(bytes.NewReader(profile))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, false
	}
	value, _ := flatValue(members, maxDepth)
	whole, ok := value.(*types.AttributeValueMemberM)
	if !ok {
		return nil, false
	}
	return whole.Value, true
}

// flatValue makes a value of flat_profile; ok is false for what is left out.
func flatValue(value any, depth int) (flat types.AttributeValue, ok bool) {
	if depth == 0 {
		return nil, false
	}
	switch v := value.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, true
	case bool:
		return flag(v), true
	case string:
		return text(v), v != ""
	case json.Number:
		return &types.AttributeValueMemberN{Value: v.String()}, holds(v)
	case []any:
		all := []types.AttributeValue{}
		for _, e := range v {
			if f, ok := flatValue(e, depth-1); ok {
				all = append(all, f)
			}
		}
		return list(all), true
	case map[string]any:
		return flatObject(v, depth), true
	}
	return nil, false
}

func flatObject(members map[string]any, depth int) types.AttributeValue {
	all := item{}
	for name, member := range members {
		if f, ok := flatValue(member, depth-1); ok && name != "" {
			all[name] = f
		}
	}
	value, one := all["value"]
	values, many := all["values"]
	switch {
	case one && !many:
		return value
	case many && !one:
		return values
	}
	return object(all)
}

// holds tells whether DynamoDB can hold a number.
func holds(n json.Number) bool {
	mantissa, _, _ := strings.Cut(strings.ToLower(n.String()), "e")
	digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	size, err := n.Float64()
	size = math.Abs(size)
	return err == nil && len(digits) <= maxDigits && (size == 0 || size >= smallestNumber && size <= largestNumber)
}
