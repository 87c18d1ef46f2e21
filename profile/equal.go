package profile

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// EqualJSON tells whether two JSON texts are the same value: members in any
// order, any white space, any escapes. Numbers must be written alike (1 is
// not 1.0), and true is never 1: a signature must not cover two readings.
// Texts that are not JSON, or repeat a name, equal nothing. It takes time in
// proportion to the texts, however deep they nest.
func EqualJSON(a, b []byte) bool {
	if bytes.Equal(a, b) { // as they nearly always are
		return jsontext.Value(a).IsValid()
	}
	x, err := takeApart(a)
	if err != nil {
		return false
	}
	y, err := takeApart(b)
	return err == nil && x.equals(y)
}

// node is a JSON value taken apart.
type node struct {
	kind  jsontext.Kind
	name  string // of a member of an object
	text  string // what a string means, how anything else is written
	nodes []node // of a list, or the members of an object by name
}

func (n node) equals(o node) bool {
	return n.kind == o.kind && n.name == o.name && n.text == o.text && slices.EqualFunc(n.nodes, o.nodes, node.equals)
}

func takeApart(text []byte) (node, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	n, err := readNode(d)
	if err != nil {
		return n, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return n, errors.New("more than one JSON value")
	}
	return n, nil
}

func readNode(d *jsontext.Decoder) (n node, err error) {
	token, err := d.ReadToken()
	if err != nil {
		return n, err
	}
	switch n.kind = token.Kind(); n.kind {
	case '[':
		n.nodes, err = readNodes(d, ']', readNode)
	case '{':
		n.nodes, err = readNodes(d, '}', readMember)
		slices.SortFunc(n.nodes, func(a, b node) int { return cmp.Compare(a.name, b.name) })
	default:
		n.text = token.String()
	}
	return n, err
}

// readNodes reads what is in a list or an object, and its end.
func readNodes(d *jsontext.Decoder, end jsontext.Kind, read func(*jsontext.Decoder) (node, error)) (nodes []node, err error) {
	for d.PeekKind() != end {
		n, err := read(d)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	_, err = d.ReadToken()
	return nodes, err
}

func readMember(d *jsontext.Decoder) (node, error) {
	token, err := d.ReadToken()
	if err != nil {
		return node{}, err
	}
	name := token.String()
	n, err := readNode(d)
	n.name = name
	return n, err
}
