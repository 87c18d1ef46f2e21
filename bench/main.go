// Command bench measures what docs/benchmarks.md lists and prints a table of
// it. Every figure is a ratio of two things that are measured in turns in the
// same run, so that it says the same on any machine. It ends with status 1 when
// a figure is not met.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"
)

type options struct {
	Lookup bool `help:"Measure look-ups against a bare Gin handler." default:"true" negatable:""`
	Scale  bool `help:"Measure look-ups, lists and searches in a small vault and a large one." default:"true" negatable:""`

	Rounds  int           `help:"How many rounds each side of a comparison has." default:"15"`
	Round   time.Duration `help:"How long a round is." default:"300ms"`
	Clients int           `help:"How many clients there are at once." default:"${clients}"`
	Small   int           `help:"How many people are in the small vault." default:"1000"`
	Large   int           `help:"How many people are in the large vault." default:"100000"`

	CPUProfile string `help:"Write a CPU profile of the run; its samples have the label \"side\"." type:"path" name:"cpuprofile"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measures CIS and prints a table."),
		kong.Vars{"clients": fmt.Sprint(2 * cores())})
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

var errNotMet = errors.New("not every figure is met")

func (o options) run() (err error) {
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
	if o.Lookup {
		rows, err := o.lookups()
		if err != nil {
			return err
		}
		t = append(t, rows...)
	}
	if o.Scale {
		rows, err := o.scales()
		if err != nil {
			return err
		}
		t = append(t, rows...)
	}
	fmt.Println()
	t.print(os.Stdout)
	if !t.met() {
		return errNotMet
	}
	return nil
}
