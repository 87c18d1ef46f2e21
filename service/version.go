package service

import "runtime/debug"

// Version is the program's version, as Go has built it in.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
