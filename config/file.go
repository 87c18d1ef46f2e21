package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// written is what a file has, by the settings' names.
type written map[string]entry

// entry is a value in the file.
type entry struct {
	node  *yaml.Node
	where string
}

// reader reads a file's groups.
type reader struct {
	file     string
	names    map[string]bool // of settings and of secrets' files: what may be in the file
	found    written
	problems Problems
}

// readFile returns what a configuration file says. Whatever in it is not a
// setting is a problem.
func readFile(file string, all []Setting) (written, Problems) {
	r := &reader{file: file, names: map[string]bool{}, found: written{}}
	for _, s := range all {
		r.names[s.Name()] = true
		if s.Secret() {
			r.names[s.Name()+fileSuffix] = true
		}
	}
	root, err := parseFile(file)
	if err != nil {
		return nil, Problems{{file, err.Error(), ""}}
	}
	if root != nil {
		r.group(root, nil)
	}
	return r.found, r.problems
}

// parseFile returns a file's one document, nil of an empty file.
func parseFile(file string) (*yaml.Node, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", errors.Unwrap(err))
	}
	defer opened.Close()
	decoder := yaml.NewDecoder(opened)
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("the file is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if decoder.Decode(new(yaml.Node)) != io.EOF {
		return nil, errors.New("the file has more than one document: leave one")
	}
	return document.Content[0], nil
}

func (r *reader) problem(node *yaml.Node, name, what string) {
	r.problems = append(r.problems, Problem{r.where(node, name), what, ""})
}

func (r *reader) where(node *yaml.Node, name string) string {
	return strings.TrimSpace(fmt.Sprintf("%s:%d %s", r.file, node.Line, name))
}

// group reads a mapping of settings and groups.
func (r *reader) group(node *yaml.Node, path []string) {
	if node.Kind != yaml.MappingNode {
		if !empty(node) {
			r.problem(node, strings.Join(path, "."), "this must be a mapping; it has: "+strings.Join(r.members(path), ", "))
		}
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		r.member(key, value, append(slices.Clone(path), key.Value))
	}
}

func (r *reader) member(key, value *yaml.Node, path []string) {
	name := strings.Join(path, ".")
	_, twice := r.found[name]
	switch {
	case twice:
		r.problem(key, name, "this is set twice in the file")
	case r.names[name] && !empty(value):
		r.found[name] = entry{value, r.where(key, name)}
	case r.names[name]:
	case len(r.members(path)) > 0:
		r.group(value, path)
	default:
		above := path[:len(path)-1]
		what := "there is no such setting"
		if len(above) > 0 {
			what += " in " + strings.Join(above, ".")
		}
		r.problem(key, name, what+"; there are: "+strings.Join(r.members(above), ", "))
	}
}

// members are the names below a group.
func (r *reader) members(path []string) (members []string) {
	prefix := strings.Join(append(slices.Clone(path), ""), ".")
	for name := range r.names {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			member, _, _ := strings.Cut(rest, ".")
			members = append(members, member)
		}
	}
	slices.Sort(members)
	return slices.Compact(members)
}

// empty tells a key without a value, which sets nothing.
func empty(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }
