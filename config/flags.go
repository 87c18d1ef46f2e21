package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// Flags are the settings on the command line: a kong command that takes them
// embeds it, as NewFlags makes it. What was given stays text until Load reads
// it, so that a problem with a flag is told with all the others.
type Flags struct {
	File     string       `name:"config" env:"CIS_CONFIG" help:"The configuration file (YAML)." placeholder:"FILE"`
	Settings kong.Plugins `embed:""`
}

// NewFlags makes a flag of every setting.
func NewFlags() Flags {
	var fields []reflect.StructField
	for i, s := range new(Config).Settings() {
		kind := reflect.TypeFor[[]string]()
		if s.value.Kind() == reflect.Bool {
			kind = reflect.TypeFor[switched]()
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("Setting", i), Type: kind, Tag: tag(s)})
	}
	return Flags{Settings: kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

// tag describes a setting's flag to kong.
func tag(s Setting) reflect.StructTag {
	placeholder, help := "TEXT", s.Help
	switch s.value.Kind() {
	case reflect.Int64, reflect.Int, reflect.Float64:
		placeholder = "N"
	}
	if s.Secret() {
		placeholder, help = "FILE", "File that holds this secret: "+help
	}
	if s.Default != "" && s.value.Kind() != reflect.Bool {
		placeholder = strings.ReplaceAll(s.Default, ",", ", ")
	}
	group := "General"
	if len(s.Path) > 1 {
		group = strings.ToUpper(s.Path[0][:1]) + s.Path[0][1:]
	}
	return reflect.StructTag(fmt.Sprintf(`name:%q help:%q placeholder:%q group:%q sep:"none"`,
		strings.TrimPrefix(s.Flag(), "--"), help, placeholder, group))
}

// given returns what the command line has for the setting at this index.
func (f Flags) given(index int) []string {
	if len(f.Settings) == 0 {
		return nil
	}
	return reflect.ValueOf(f.Settings[0]).Elem().Field(index).Convert(reflect.TypeFor[[]string]()).Interface().([]string)
}

// switched is the text of a flag that needs no value: without one it is "true".
type switched []string

// Decode implements kong.MapperValue.
func (s *switched) Decode(ctx *kong.DecodeContext) error {
	text := "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		text = ctx.Scan.Pop().String()
	}
	*s = append(*s, text)
	return nil
}

// IsBool tells kong that no value follows.
func (switched) IsBool() bool { return true }
