package service

import "runtime/debug"

// version is set where the program is built without its repository:
//
//	go build -ldflags "-X cis/service.version=1.2.3" ./cmd/cis
var version string

// Version is the program's version, as it was built in.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
