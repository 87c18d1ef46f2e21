package config

import (
	"reflect"
	"strings"
)

// Setting is one thing that can be set.
type Setting struct {
	// Path is its name in the file, from the outermost group on.
	Path []string
	Help string
	// Default is written as in the file, "" for none.
	Default string

	value reflect.Value
}

// Name is the setting's name: its path, with dots.
func (s Setting) Name() string { return strings.Join(s.Path, ".") }

// Flag is its flag. A secret has only the one that names its file: what is on
// a command line can be seen by everybody on the machine.
func (s Setting) Flag() string {
	flag := "--" + strings.Join(s.Path, "-")
	if s.Secret() {
		return flag + fileSuffix
	}
	return flag
}

// Variable is its environment variable.
func (s Setting) Variable() string {
	return "CIS_" + strings.ToUpper(strings.ReplaceAll(strings.Join(s.Path, "_"), "-", "_"))
}

// fileSuffix is what the name of a secret has after it where the value is the
// name of a file that holds the secret; a variable has it in capitals.
const fileSuffix = "-file"

// fileVariable is the variable that names a secret's file.
func (s Setting) fileVariable() string { return s.Variable() + "_FILE" }

// Secret tells whether it is one.
func (s Setting) Secret() bool { return s.value.Type() == reflect.TypeFor[Secret]() }

// list tells whether there can be several values.
func (s Setting) list() bool { return s.value.Kind() == reflect.Slice }

// Settings are all settings of a configuration, in their order.
func (c *Config) Settings() []Setting { return settings(reflect.ValueOf(c).Elem(), nil) }

func settings(group reflect.Value, path []string) (all []Setting) {
	for i := range group.NumField() {
		field, value := group.Type().Field(i), group.Field(i)
		at := path[:len(path):len(path)]
		if name := field.Tag.Get("name"); name != "" {
			at = append(at, name)
		}
		if field.Tag.Get("help") == "" {
			all = append(all, settings(value, at)...)
			continue
		}
		all = append(all, Setting{at, field.Tag.Get("help"), field.Tag.Get("default"), value})
	}
	return all
}
