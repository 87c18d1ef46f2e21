package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Subscription is a service that is to be told of changes. It is written as
// NAME=URL, or in the file as a mapping of its members.
type Subscription struct {
	Name       string   `yaml:"name"`
	URL        string   `yaml:"url"`
	Audience   string   `yaml:"audience,omitempty"`
	Operations []string `yaml:"operations,omitempty,flow"`
}

func decodeSubscription(node *yaml.Node, into *Subscription) error {
	switch node.Kind {
	case yaml.ScalarNode:
		name, address, ok := strings.Cut(node.Value, "=")
		if !ok {
			return errors.New("it is not of the form NAME=URL") // which may hold a secret
		}
		*into = Subscription{Name: name, URL: address}
		return nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			switch key := node.Content[i].Value; key {
			case "name", "url", "audience", "operations":
			default:
				return fmt.Errorf("a subscription has no %q, only name, url, audience and operations", key)
			}
		}
		if node.Decode(into) != nil {
			return errors.New("name, url and audience of a subscription must be texts, and operations a list of texts")
		}
		return nil
	}
	return errors.New("a subscription is NAME=URL, or a mapping of name, url, audience and operations")
}

// shown is the subscription without what of its URL may be a secret.
func (s Subscription) shown() Subscription {
	at, err := url.Parse(s.URL)
	switch {
	case err != nil:
		s.URL = masked
	case strings.Trim(at.Path, "/")+at.RawQuery+at.Fragment != "" || at.User != nil:
		s.URL = at.Scheme + "://" + at.Host + "/" + masked
	}
	return s
}
