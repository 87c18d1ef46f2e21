//go:build deploy

// Package deploy has no program: it is here for its test, which deploy/check
// runs, since it needs Docker Compose.
package deploy

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

type service struct {
	Image       string          `json:"image"`
	ReadOnly    bool            `json:"read_only"`
	CapDrop     []string        `json:"cap_drop"`
	SecurityOpt []string        `json:"security_opt"`
	Restart     string          `json:"restart"`
	User        string          `json:"user"`
	HealthCheck json.RawMessage `json:"healthcheck"`
	Ports       []struct {
		HostIP string `json:"host_ip"`
	} `json:"ports"`
	Deploy struct {
		Resources struct {
			Limits struct {
				CPUs   float64 `json:"cpus"`
				Memory string  `json:"memory"`
				Pids   int     `json:"pids"`
			} `json:"limits"`
		} `json:"resources"`
	} `json:"deploy"`
}

func services(t *testing.T) map[string]service {
	command := exec.Command("docker-compose", "--project-directory", "..", "--profile", "*", "config", "--format", "json")
	out, err := command.Output()
	require.NoError(t, err)
	var project struct {
		Services map[string]service `json:"services"`
	}
	require.NoError(t, json.Unmarshal(out, &project))
	require.NotEmpty(t, project.Services)
	return project.Services
}

// pinned is an image with an exact version: two numbers at least.
var pinned = regexp.MustCompile(`:v?[0-9]+\.[0-9]+[^@]*(@sha256:[0-9a-f]{64})?$|^cis(-[a-z]+)?:`)

func TestServicesMayDoWhatTheyMustAndNoMore(t *testing.T) {
	for name, s := range services(t) {
		t.Run(name, func(t *testing.T) {
			require.Regexp(t, pinned, s.Image)
			require.True(t, s.ReadOnly, "read_only")
			require.Equal(t, []string{"ALL"}, s.CapDrop)
			require.Contains(t, s.SecurityOpt, "no-new-privileges:true")
			require.NotEmpty(t, s.Restart, "restart")
			require.Positive(t, s.Deploy.Resources.Limits.CPUs, "cpus")
			require.NotEmpty(t, s.Deploy.Resources.Limits.Memory, "memory")
			require.Positive(t, s.Deploy.Resources.Limits.Pids, "pids")
			for _, p := range s.Ports {
				require.Equal(t, "127.0.0.1", p.HostIP)
			}
			if s.Restart == "unless-stopped" {
				require.Contains(t, string(s.HealthCheck), "test", "healthcheck")
			}
			if name != "secrets" && s.Image[:4] != "cis-" {
				require.NotEmpty(t, s.User)
				require.NotRegexp(t, `^(0|root)(:|$)`, s.User)
			}
		})
	}
}
