package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decode reads a value as it is written in the file, where flags and variables
// have been made to look alike, into a setting.
func decode(node *yaml.Node, into reflect.Value) error {
	if into.Kind() == reflect.Slice {
		return decodeList(node, into)
	}
	if into.Type() == reflect.TypeFor[Subscription]() {
		return decodeSubscription(node, into.Addr().Interface().(*Subscription))
	}
	if node.Kind != yaml.ScalarNode {
		return errors.New("it must be a single value")
	}
	text := node.Value
	switch target := into.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no length of time: write it like 500ms, 10s, 5m or 1h30m", text)
		}
		*target = d
	case *slog.Level:
		if target.UnmarshalText([]byte(text)) != nil {
			return fmt.Errorf("%q is no level: it must be debug, info, warn or error", text)
		}
	case *Environment:
		return decodeEnvironment(text, target)
	case *Secret:
		*target = NewSecret(text)
	case *string:
		*target = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*target = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number from 0 on", text)
		}
		*target = n
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) {
			return fmt.Errorf("%q is no number from 0 on", text)
		}
		*target = f
	default:
		panic(fmt.Sprintf("a setting of type %s cannot be read", into.Type()))
	}
	return nil
}

func decodeList(node *yaml.Node, into reflect.Value) error {
	if node.Kind != yaml.SequenceNode {
		return errors.New("it must be a list, like [one, two]")
	}
	if len(node.Content) == 0 {
		into.SetZero()
		return nil
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	var wrong []string
	for i, item := range node.Content {
		if err := decode(item, list.Index(i)); err != nil {
			wrong = append(wrong, fmt.Sprintf("entry %d: %v", i+1, err))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	into.Set(list)
	return nil
}

func decodeEnvironment(text string, into *Environment) error {
	for _, e := range environments {
		if text == string(e) {
			*into = e
			return nil
		}
	}
	return fmt.Errorf("%q is no environment: it must be local, development, testing or production", text)
}

// fromTexts makes of what flags or a variable say what the file would.
func fromTexts(s Setting, texts []string) *yaml.Node {
	if !s.list() {
		return scalar(texts[len(texts)-1]) // the last one counts
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, text := range texts {
		list.Content = append(list.Content, scalar(text))
	}
	return list
}

// separate splits a list of the form that variables and defaults have.
func separate(s Setting, text string) []string {
	if !s.list() {
		return []string{text}
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
