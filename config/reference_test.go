package config

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reference is the page that lists the settings; CIS_UPDATE_DOCS=1 writes the
// lists anew.
const reference = "../docs/configuration.md"

// settingsTable lists all settings.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| setting | default | what it is |\n| --- | --- | --- |\n")
	for _, s := range new(Config).Settings() {
		name, shown := "`"+s.Name()+"`", s.Default
		if s.Secret() {
			name += " (secret)"
		}
		if shown != "" {
			shown = "`" + strings.ReplaceAll(shown, ",", ", ") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, shown, strings.ReplaceAll(s.Help, "|", `\|`))
	}
	return b.String()
}

// presetsTable lists what the environments set.
func presetsTable() string {
	var b strings.Builder
	b.WriteString("| setting |")
	names := map[string]bool{}
	for _, e := range environments {
		fmt.Fprintf(&b, " %s |", e)
		for name := range presets[e] {
			names[name] = true
		}
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(environments)+1) + "\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&b, "| `%s` |", name)
		for _, e := range environments {
			if text := presets[e][name]; text != "" {
				fmt.Fprintf(&b, " `%s`", text)
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestThePageListsEverySetting(t *testing.T) {
	page, err := os.ReadFile(reference)
	require.NoError(t, err)
	made := page
	for name, table := range map[string]string{"settings": settingsTable(), "environments": presetsTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := bytes.Cut(made, []byte(begin))
		require.True(t, ok, begin)
		_, after, ok := bytes.Cut(rest, []byte(end))
		require.True(t, ok, end)
		made = slices.Concat(before, []byte(begin+"\n"+table+"\n"+end), after)
	}
	if os.Getenv("CIS_UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(reference, made, 0o644))
	}
	require.Equal(t, string(made), string(page), "run CIS_UPDATE_DOCS=1 go test ./config")
}

func TestPresetsAreOfSettingsThatThereAre(t *testing.T) {
	for e, preset := range presets {
		all := map[string]bool{}
		for _, s := range new(Config).Settings() {
			all[s.Name()] = true
		}
		for name := range preset {
			require.True(t, all[name], "%s: %s", e, name)
		}
	}
	require.Len(t, presets, len(environments))
}
