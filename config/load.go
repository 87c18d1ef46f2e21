package config

import (
	"fmt"
	"os"
	"strings"
)

// Loaded is a configuration with what is known of where it came from.
type Loaded struct {
	Config
	// origins say where each setting is from, by its name.
	origins  map[string]string
	problems Problems
}

// Load reads the settings from the flags, the environment and the file that a
// flag or CIS_CONFIG names, in that order of precedence. What it returns is
// there also when there are problems, with the defaults in place of what could
// not be read; Check tells the problems.
func Load(f Flags, lookup func(variable string) (string, bool)) *Loaded {
	l := &Loaded{origins: map[string]string{}}
	all := l.Settings()
	var file written
	if f.File != "" {
		file, l.problems = readFile(f.File, all)
	}
	sources := []source{f.source(), variables(lookup), file.source(), l.preset, fixed}
	for i, s := range all { // the environment is the first: presets depend on it
		if !l.take(i, s, sources...) {
			l.take(i, s, l.preset, fixed)
		}
	}
	return l
}

// value is what a source has for a setting.
type value struct {
	entry
	// secret tells that it is the name of a file that holds the value.
	secret bool
}

// source finds the values that one source has for a setting: none, one, or a
// secret and a file for it, which is one too many.
type source func(index int, s Setting) []value

// take sets a setting from the first source that has it. It is false if what
// that has cannot be read.
func (l *Loaded) take(index int, s Setting, sources ...source) bool {
	var values []value
	for i := 0; i < len(sources) && len(values) == 0; i++ {
		values = sources[i](index, s)
	}
	if len(values) == 0 {
		return true
	}
	where := values[0].where
	l.origins[s.Name()] = where
	err := error(nil)
	switch v := values[0]; {
	case len(values) > 1:
		err = fmt.Errorf("this is set twice: take this or %s away", values[1].where)
	case v.secret:
		err = l.readSecret(s, v)
	default:
		err = decode(v.node, s.value)
	}
	if err != nil {
		l.problems = append(l.problems, Problem{where, err.Error(), s.Name()})
	}
	return err == nil
}

// readSecret reads the file that holds a secret, without the newline at its
// end. One that everybody on the machine can read is unsafe.
func (l *Loaded) readSecret(s Setting, v value) error {
	file := v.node.Value
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	if mode := info.Mode().Perm(); l.Environment.Guarded() && mode&0o007 != 0 {
		return fmt.Errorf("%s can be read or written by everybody (mode %o): chmod o= it", file, mode)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	secret := NewSecret(strings.TrimRight(string(text), "\r\n"))
	if !secret.Given() {
		return fmt.Errorf("%s is empty: it must hold the secret", file)
	}
	*s.value.Addr().Interface().(*Secret) = secret
	return nil
}

func (f Flags) source() source {
	return func(index int, s Setting) []value {
		texts := f.given(index)
		if len(texts) == 0 {
			return nil
		}
		return []value{{entry{fromTexts(s, texts), s.Flag()}, s.Secret()}}
	}
}

// variables are those of the environment. An empty one sets nothing: that is
// how they are left out where another program writes them.
func variables(lookup func(string) (string, bool)) source {
	return func(_ int, s Setting) (values []value) {
		if text, _ := lookup(s.Variable()); text != "" {
			values = append(values, value{entry{fromTexts(s, separate(s, text)), s.Variable()}, false})
		}
		if !s.Secret() {
			return values
		}
		if text, _ := lookup(s.fileVariable()); text != "" {
			values = append(values, value{entry{scalar(text), s.fileVariable()}, true})
		}
		return values
	}
}

func (w written) source() source {
	return func(_ int, s Setting) (values []value) {
		if e, ok := w[s.Name()]; ok {
			values = append(values, value{e, false})
		}
		if e, ok := w[s.Name()+fileSuffix]; ok && s.Secret() {
			values = append(values, value{e, true})
		}
		return values
	}
}

// preset is what the environment sets.
func (l *Loaded) preset(_ int, s Setting) []value {
	text, ok := presets[l.Environment][s.Name()]
	if !ok {
		return nil
	}
	return []value{{entry{fromTexts(s, separate(s, text)), "environment " + string(l.Environment)}, false}}
}

// fixed is what a setting is where nothing else sets it.
func fixed(_ int, s Setting) []value {
	if s.Default == "" {
		return nil
	}
	return []value{{entry{fromTexts(s, separate(s, s.Default)), byDefault}, false}}
}

// byDefault is the origin of what nobody has set.
const byDefault = "default"
