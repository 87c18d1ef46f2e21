// Command bench measures what docs/benchmarks.md lists and prints a table of
// it. Every figure is a ratio of two things that are measured in turns in the
// same run, so that it says the same on any machine. It ends with status 1 when
// a figure is not met.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"
)

type options struct {
	Lookup bool   `help:"Measure look-ups against a bare Gin handler." default:"true" negatable:""`
	Scale  bool   `help:"Measure look-ups, lists and searches in a small vault and a large one." default:"true" negatable:""`
	Match  string `help:"Measure only what has this in its name."`

	Rounds  int           `help:"How many rounds each side of a comparison has." default:"15"`
	Round   time.Duration `help:"How long a round is." default:"300ms"`
	Clients int           `help:"How many clients there are at once where throughput is measured." default:"${clients}"`
	Small   int           `help:"How many people are in the small vault." default:"1000"`
	Large   int           `help:"How many people are in the large vault." default:"100000"`

	CPUProfile string `help:"Write a CPU profile of the run; its samples have the label \"side\"." type:"path" name:"cpuprofile"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measures CIS and prints a table."),
		kong.Vars{"clients": fmt.Sprint(2 * runtime.NumCPU())})
	// Whoever breaks it off must not be left with the vaults.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) wants(what string) bool { return strings.Contains(what, o.Match) }

var errNotMet = errors.New("not every figure is met")

func (o options) run(ctx context.Context) (err error) {
	gin.SetMode(gin.ReleaseMode)
	if o.CPUProfile != "" {
		f, err := os.Create(o.CPUProfile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() { pprof.StopCPUProfile(); err = errors.Join(err, f.Close()) }()
	}
	var t table
	for _, part := range []struct {
		wanted  bool
		measure func(context.Context) (table, error)
	}{{o.Lookup, o.lookups}, {o.Scale, o.scales}} {
		if !part.wanted {
			continue
		}
		rows, err := part.measure(ctx)
		if err != nil {
			return err
		}
		t = append(t, rows...)
	}
	fmt.Printf("\n%s, %s/%s, %d processors, %s\n\n", time.Now().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	t.print(os.Stdout)
	if !t.met() {
		return errNotMet
	}
	return nil
}
