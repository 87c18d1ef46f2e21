package samples

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cis/change"
	"cis/profile"
	"cis/signing"
)

// Options are where CIS is and what the samples sign with.
type Options struct {
	API      string // base URL
	TokenURL string
	Audience string
	// Secret gives the secret of a publisher's client, whose id is the
	// publisher's name.
	Secret func(publisher string) string
	Keys   signing.KeyStore
	// Progress is told how many of the job's steps are done.
	Progress func(done, total int)
}

// Report is what the job did.
type Report struct {
	Created, Updated int
	Refused          string // the description of the refusal
	Delivered        int    // changes that reached every target
	Parked           []Parked
}

// Parked is a change with a target that needs an operator.
type Parked struct {
	Number change.Number
	Target string
	Reason string
}

// promoted gets a new title, which payroll cannot cope with.
var promoted = people[8]

// edit is a change to a person who exists.
type edit struct {
	person    person
	publisher string
	path      profile.Path
	value     any
	shown     string
}

var edits = []edit{
	{people[0], "mozilliansorg", "fun_title", "Keeper of the green tree", "vouched"},
	{people[4], "mozilliansorg", "pronouns", "she/her", "vouched"},
	{people[14], "mozilliansorg", "timezone", "Africa/Lagos", "ndaed"},
	{people[1], "ldap", "ssh_public_keys", map[string]string{"yubikey": sshKey("bcastelli2")}, "staff"},
	{promoted, "hris", "staff_information.title", "Head of Recruiting", "staff"},
}

// forbidden is refused: staff information is not the people directory's.
var forbidden = edit{people[12], "mozilliansorg", "staff_information.title", "Chief Everything Officer", "staff"}

type job struct {
	Options
	clients map[string]*client
	signers map[string]*signing.Signer
}

// Run does the whole job and returns when each change has reached its targets
// or waits for an operator.
func Run(ctx context.Context, o Options) (Report, error) {
	j := &job{Options: o, clients: map[string]*client{}, signers: map[string]*signing.Signer{}}
	for _, name := range profile.Publishers {
		if name == profile.CIS {
			continue
		}
		signer, err := o.Keys.Signer(ctx, name)
		if err != nil {
			return Report{}, err
		}
		j.clients[name], j.signers[name] = newClient(ctx, o, name), signer
	}
	return j.run(ctx)
}

func (j *job) run(ctx context.Context) (Report, error) {
	var report Report
	total := 2*(len(people)+len(edits)) + 1
	count, stop := j.counter(total)
	defer stop()

	created, err := submitAll(people, count, func(p person) (answer, error) { return j.create(ctx, p) })
	if err != nil {
		return report, err
	}
	updated, err := submitAll(edits, count, func(e edit) (answer, error) { return j.edit(ctx, e) })
	if err != nil {
		return report, err
	}
	report.Created, report.Updated = len(created), len(updated)
	refusal, err := j.edit(ctx, forbidden)
	if err != nil {
		return report, err
	}
	if refusal.Code == "" {
		return report, errors.New("a change by the wrong publisher was not refused")
	}
	report.Refused = refusal.Code + ": " + refusal.Description
	count()
	return report, j.await(ctx, append(created, updated...), count, &report)
}

// counter returns a function that counts a step as done, from any goroutine.
func (j *job) counter(total int) (count, stop func()) {
	steps, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		done := 0
		for range steps {
			done++
			j.Progress(done, total)
		}
	}()
	return func() { steps <- struct{}{} }, func() { close(steps); <-ended }
}

// submitAll submits each item, a few at a time, and returns the sequence
// numbers.
func submitAll[T any](items []T, count func(), submit func(T) (answer, error)) ([]change.Number, error) {
	numbers := make([]change.Number, len(items))
	var group errgroup.Group
	group.SetLimit(4)
	for i, item := range items {
		group.Go(func() error {
			a, err := submit(item)
			if err == nil && a.Code != "" {
				err = fmt.Errorf("%s: %s", a.Code, a.Description)
			}
			numbers[i] = a.SequenceNumber
			count()
			return err
		})
	}
	return numbers, group.Wait()
}

func (j *job) create(ctx context.Context, p person) (answer, error) {
	body, err := signed(p, j.signers[p.publisher])
	if err != nil {
		return answer{}, err
	}
	return j.clients[p.publisher].submit(ctx, body)
}

// signed is a person's profile, signed by their publisher.
func signed(p person, signer *signing.Signer) ([]byte, error) {
	built, paths, err := p.profile(time.Now())
	if err != nil {
		return nil, err
	}
	built, err = signer.Profile(built, paths...)
	return built.JSON(), err
}

// Newcomer is the profile that the pasted commands send: a person whom the
// samples do not create, signed.
func Newcomer(ctx context.Context, keys signing.KeyStore) (userID string, body []byte, err error) {
	signer, err := keys.Signer(ctx, newcomer.publisher)
	if err != nil {
		return "", nil, err
	}
	body, err = signed(newcomer, signer)
	return newcomer.userID(), body, err
}

func (j *job) edit(ctx context.Context, e edit) (answer, error) {
	p, err := profile.Empty().Set(e.path, e.value, time.Now())
	if err == nil {
		p, err = p.Show(e.path, e.shown)
	}
	if err != nil {
		return answer{}, err
	}
	p, err = addressed(p, e.person)
	if err != nil {
		return answer{}, err
	}
	if p, err = j.signers[e.publisher].Profile(p, e.path); err != nil {
		return answer{}, err
	}
	return j.clients[e.publisher].submit(ctx, p.JSON())
}

// addressed says whom a partial profile is about. The stored user_id stays as
// it is, so this one needs no signature.
func addressed(p *profile.Profile, about person) (*profile.Profile, error) {
	p, err := p.Set(profile.UserID, about.userID(), time.Now())
	if err != nil {
		return nil, err
	}
	return p.Show(profile.UserID, "public")
}

// await waits until each change is settled.
func (j *job) await(ctx context.Context, numbers []change.Number, count func(), report *Report) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for len(numbers) > 0 {
		s, err := j.clients["ldap"].status(ctx, numbers[0])
		if err != nil {
			return err
		}
		if s.State == change.Completed || s.State == change.NeedsAttention {
			report.settle(numbers[0], s)
			numbers = slices.Delete(numbers, 0, 1)
			count()
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

func (r *Report) settle(number change.Number, s status) {
	if s.State == change.Completed {
		r.Delivered++
	}
	for _, t := range s.Targets {
		if t.State == change.Parked {
			r.Parked = append(r.Parked, Parked{number, t.Target, t.Reason})
		}
	}
}
