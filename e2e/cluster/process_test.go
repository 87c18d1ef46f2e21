package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a program that is kept running, as a container platform does: one
// that ends is started again.
type process struct {
	t       *testing.T
	name    string
	command func() *exec.Cmd
	// ready is without error once the program can do its work.
	ready func(context.Context) error
	// end is the signal that ends it in order.
	end os.Signal
	log string
	// link is cut before the process is killed; nil for those that need none.
	link *link

	mu      sync.Mutex
	running *exec.Cmd
	paused  chan struct{} // what the next start waits for, nil for nothing
	ending  bool
	over    chan struct{}

	kills    int
	itself   int             // how often it ended though nobody killed it
	downtime []time.Duration // from each kill until it was ready again
}

const (
	// startTimeout is how long a program may take to become ready.
	startTimeout = 2 * time.Minute
	// endTimeout is how long it may take to end in order.
	endTimeout = 30 * time.Second
	// restart is how long a program is left alone that ended by itself.
	restart = 250 * time.Millisecond
)

// start starts a process and waits until it is ready. It is ended with the
// test.
func (c *cluster) start(p *process) *process {
	p.t, p.over, p.log = c.t, make(chan struct{}), filepath.Join(c.folder, p.name+".log")
	if p.end == nil {
		p.end = syscall.SIGTERM
	}
	log, err := os.Create(p.log)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = log.Close() })
	go p.supervise(log)
	c.t.Cleanup(p.stop)
	p.await()
	c.processes = append(c.processes, p)
	return p
}

func (p *process) supervise(log *os.File) {
	defer close(p.over)
	for {
		command := p.command()
		command.Stdout, command.Stderr = log, log
		if command.SysProcAttr == nil {
			command.SysProcAttr = &syscall.SysProcAttr{}
		}
		command.SysProcAttr.Pdeathsig = syscall.SIGKILL // with the test's own process
		err := command.Start()
		if err == nil {
			p.mu.Lock()
			p.running = command
			p.mu.Unlock()
			err = command.Wait()
		}
		fmt.Fprintf(log, "%s ENDED: %v\n", p.name, err)
		p.mu.Lock()
		p.running = nil
		ending, paused := p.ending, p.paused
		p.paused = nil
		if !ending && paused == nil {
			p.itself++
		}
		p.mu.Unlock()
		switch {
		case ending:
			return
		case paused != nil:
			<-paused
		default:
			time.Sleep(restart)
		}
	}
}

// await waits until the process is ready.
func (p *process) await() {
	ctx, cancel := context.WithTimeout(p.t.Context(), startTimeout)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			said, _ := os.ReadFile(p.log)
			require.FailNow(p.t, p.name+" is not ready", "%v\n%s", err, said[max(0, len(said)-4000):])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// kill ends the process in the middle of whatever it does, leaves it down for a
// while and waits until it is ready again.
func (p *process) kill(down time.Duration) {
	began, paused := time.Now(), make(chan struct{})
	if p.link != nil {
		p.link.cut()
		time.Sleep(settleTime)
	}
	p.mu.Lock()
	p.paused = paused
	killed := p.running
	if killed != nil {
		_ = killed.Process.Kill()
	}
	p.mu.Unlock()
	time.Sleep(down)
	close(paused)
	for !p.replaced(killed) {
		time.Sleep(time.Millisecond)
	}
	p.await()
	if p.link != nil {
		p.link.join()
	}
	p.kills++
	p.downtime = append(p.downtime, time.Since(began))
}

// replaced tells whether the process runs again.
func (p *process) replaced(killed *exec.Cmd) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running != nil && p.running != killed
}

// stop ends the process in order, or else at once.
func (p *process) stop() {
	p.mu.Lock()
	p.ending = true
	if p.running != nil {
		_ = p.running.Process.Signal(p.end)
	}
	p.mu.Unlock()
	select {
	case <-p.over:
		return
	case <-time.After(endTimeout):
		p.t.Errorf("%s did not end in order", p.name)
	}
	p.mu.Lock()
	if p.running != nil {
		_ = p.running.Process.Kill()
	}
	p.mu.Unlock()
	<-p.over
}

// run runs a command to its end.
func run(ctx context.Context, command *exec.Cmd) error {
	out, err := command.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return fmt.Errorf("%s: %w\n%s", command, failed, out)
	}
	return err
}
