package dynamolocal

import (
	"os/exec"
	"syscall"
)

// endWithParent has the process killed when a test's own process dies.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
