package config

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// YAML returns the configuration as it is in effect, as a file that would set
// the same, but for the secrets, which are masked; and behind each setting
// where it is from.
func (l *Loaded) YAML() ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range l.Settings() {
		group := root
		for _, name := range s.Path[:len(s.Path)-1] {
			group = below(group, name)
		}
		value, err := show(s.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name(), err)
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: s.Path[len(s.Path)-1]}
		origin := &value.LineComment
		if value.Kind == yaml.SequenceNode && value.Style != yaml.FlowStyle {
			origin = &key.LineComment
		}
		*origin = l.origins[s.Name()]
		group.Content = append(group.Content, key, value)
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return text.Bytes(), encoder.Close()
}

// below returns the group of this name, which is made where there is none.
func below(group *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(group.Content); i += 2 {
		if group.Content[i].Value == name {
			return group.Content[i+1]
		}
	}
	made := &yaml.Node{Kind: yaml.MappingNode}
	group.Content = append(group.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, made)
	return made
}

// show is a value as it is written in a file.
func show(value reflect.Value) (*yaml.Node, error) {
	var plain any
	switch v := value.Interface().(type) {
	case time.Duration:
		plain = short(v)
	case []time.Duration:
		texts := make([]string, len(v))
		for i, d := range v {
			texts[i] = short(d)
		}
		plain = texts
	case []Subscription:
		shown := make([]Subscription, len(v))
		for i, s := range v {
			shown[i] = s.shown()
		}
		plain = shown
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			return nil, err
		}
		plain = string(text)
	default:
		plain = v
	}
	node := new(yaml.Node)
	if err := node.Encode(plain); err != nil {
		return nil, err
	}
	if _, subscriptions := value.Interface().([]Subscription); node.Kind == yaml.SequenceNode && !subscriptions {
		node.Style = yaml.FlowStyle
	}
	return node, nil
}

// short is a length of time without the zeros at its end: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"0s", "0m"} {
		if rest := strings.TrimSuffix(text, zero); rest != text && strings.ContainsAny(rest[max(0, len(rest)-1):], "hm") {
			text = rest
		}
	}
	return text
}
