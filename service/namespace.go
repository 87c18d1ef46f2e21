package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"cis/workflows"
)

// Namespace makes a namespace of Temporal ready for CIS. Done again it does
// nothing.
type Namespace struct {
	Client client.Client
	Name   string
	// Retention is how long finished changes are kept; 0 leaves a namespace
	// that is there as it is, and gives a new one DefaultRetention.
	Retention time.Duration
	// Say is told what was done, a sentence at a time.
	Say func(string)
}

// DefaultRetention is how long new namespaces keep finished changes.
const DefaultRetention = 30 * 24 * time.Hour

// ErrByHand says that Temporal does not let a client do this.
var ErrByHand = errors.New("this must be done by hand")

// cloudHosts are the ends of the addresses of Temporal Cloud.
var cloudHosts = []string{".tmprl.cloud", ".api.temporal.io"}

// IsCloud tells whether an address is Temporal Cloud's. There, namespaces and
// search attributes are no business of clients.
func IsCloud(address string) bool {
	host, _, _ := strings.Cut(address, ":")
	return slices.ContainsFunc(cloudHosts, func(end string) bool { return strings.HasSuffix(host, end) })
}

// Prepare registers the namespace with its retention, and the search attributes
// that it lacks. There are no schedules: no workflow of CIS has one.
func (n *Namespace) Prepare(ctx context.Context) error {
	if err := n.awaitServer(ctx); err != nil {
		return err
	}
	if err := n.register(ctx); err != nil {
		return fmt.Errorf("namespace %s: %w", n.Name, err)
	}
	if err := n.addSearchAttributes(ctx); err != nil {
		return fmt.Errorf("search attributes of namespace %s: %w", n.Name, err)
	}
	return nil
}

func (n *Namespace) say(format string, args ...any) { n.Say(fmt.Sprintf(format, args...)) }

func (n *Namespace) register(ctx context.Context) error {
	described, err := n.Client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: n.Name})
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		return n.create(ctx)
	}
	if err != nil {
		return err
	}
	keeps := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if n.Retention == 0 || n.Retention == keeps {
		n.say("Namespace %s is there. It keeps finished changes for %s.", n.Name, keeps)
		return nil
	}
	_, err = n.Client.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: n.Name, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(n.Retention)},
	})
	if err != nil {
		return err
	}
	n.say("Namespace %s now keeps finished changes for %s; it was %s.", n.Name, n.Retention, keeps)
	return nil
}

func (n *Namespace) create(ctx context.Context) error {
	retention := n.Retention
	if retention == 0 {
		retention = DefaultRetention
	}
	_, err := n.Client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: n.Name, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	switch _, meanwhile := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); {
	case meanwhile: // by another one of these
		n.say("Namespace %s is there.", n.Name)
	case err != nil:
		return err
	default:
		n.say("Namespace %s was registered. It keeps finished changes for %s.", n.Name, retention)
	}
	return n.awaitNamespace(ctx)
}

// awaitServer waits until Temporal answers: where everything is started at the
// same time it is the slowest.
func (n *Namespace) awaitServer(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		_, err := n.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err == nil, err
	})
}

// awaitNamespace waits until the servers know a new namespace: they look for
// such only now and then.
func (n *Namespace) awaitNamespace(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		_, err := n.known(ctx)
		_, missing := errors.AsType[*serviceerror.NamespaceNotFound](err)
		return !missing, err
	})
}

// until asks again and again until it is done, and returns the last answer's
// error.
func until(ctx context.Context, ask func() (done bool, err error)) error {
	for {
		done, err := ask()
		if done || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// known are the search attributes that the namespace has.
func (n *Namespace) known(ctx context.Context) (map[string]enumspb.IndexedValueType, error) {
	listed, err := n.Client.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: n.Name})
	return listed.GetCustomAttributes(), err
}

func (n *Namespace) addSearchAttributes(ctx context.Context) error {
	known, err := n.known(ctx)
	if err != nil {
		return err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range workflows.SearchAttributes() {
		switch has, ok := known[name]; {
		case !ok:
			missing[name] = kind
		case has != kind:
			return fmt.Errorf("%s is a %s, and must be a %s: %w", name, has, kind, ErrByHand)
		}
	}
	names := strings.Join(slices.Sorted(maps.Keys(missing)), ", ")
	if names == "" {
		n.say("It has the search attributes of CIS.")
		return nil
	}
	_, err = n.Client.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: n.Name, SearchAttributes: missing,
	})
	if err != nil {
		return err
	}
	n.say("It was given the search attributes %s.", names)
	return nil
}

// CloudSteps are the commands that make a namespace of Temporal Cloud ready.
func CloudSteps(namespace string) string {
	attributes := workflows.SearchAttributes()
	flags := ""
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		flags += fmt.Sprintf(" \\\n      --search-attribute %q", name+"="+attributes[name].String())
	}
	return fmt.Sprintf(`Temporal Cloud lets no client make namespaces and search attributes. Make the
namespace in its web page (https://cloud.temporal.io) or with tcld, with a
retention of %d days, and add what changes are found by:

  tcld namespace search-attributes add --namespace %s%s

`, DefaultRetention/(24*time.Hour), namespace, flags)
}
