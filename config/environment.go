package config

// Environment is what a deployment is. It decides some defaults.
type Environment string

// The environments.
const (
	Local       Environment = "local"
	Development Environment = "development"
	Testing     Environment = "testing"
	Production  Environment = "production"
)

var environments = []Environment{Local, Development, Testing, Production}

// Guarded tells whether what is unsafe is refused.
func (e Environment) Guarded() bool { return e == Testing || e == Production }

// presets are the defaults that depend on the environment, by the setting's
// name.
var presets = map[Environment]map[string]string{
	Local: {
		"tokens.audience": "api.dev.sso.allizom.org", "webhooks.audience": "hook.dev.sso.allizom.org",
		"admin.listen": "127.0.0.1:9090", "api.listen": "127.0.0.1:8080", "api.url": "http://127.0.0.1:8080",
		"temporal.address": "127.0.0.1:7233", "vault.file": "vault.db",
	},
	Development: {
		"tokens.audience": "api.dev.sso.allizom.org", "webhooks.audience": "hook.dev.sso.allizom.org", "drain-delay": "5s",
	},
	Testing: {
		"tokens.audience": "api.test.sso.allizom.org", "webhooks.audience": "hook.test.sso.allizom.org", "drain-delay": "5s",
	},
	Production: {
		"tokens.audience": "api.sso.mozilla.com", "webhooks.audience": "hook.sso.mozilla.com", "drain-delay": "5s",
	},
}
