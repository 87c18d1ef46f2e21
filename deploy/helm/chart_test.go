//go:build deploy

// Package helm has no program: it is here for its test, which deploy/check
// runs, since it needs helm.
package helm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"cis/config"
)

// render is what the chart makes with a file of values.
func render(t *testing.T, values string, more ...string) []string {
	command := exec.Command("helm", append([]string{"template", "test", "cis", "--kube-version", os.Getenv("KUBE_VERSION"), "-f", values}, more...)...)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	require.NoError(t, err, problems.String())
	var documents []string
	for _, text := range strings.Split(string(out), "\n---\n") {
		if strings.Contains(text, "kind:") {
			documents = append(documents, text)
		}
	}
	return documents
}

// decode reads a document as Kubernetes itself does, and takes no field that it
// does not know.
func decode(t *testing.T, document string) runtime.Object {
	codecs := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
	object, _, err := codecs.UniversalDeserializer().Decode([]byte(document), nil, nil)
	require.NoError(t, err, document)
	return object
}

func eachValues(t *testing.T, test func(t *testing.T, values string)) {
	files, err := filepath.Glob("cis/ci/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, values := range files {
		t.Run(filepath.Base(values), func(t *testing.T) { test(t, values) })
	}
}

func TestKubernetesKnowsEveryField(t *testing.T) {
	eachValues(t, func(t *testing.T, values string) {
		for _, document := range render(t, values) {
			if strings.Contains(document, "kind: ServiceMonitor") {
				continue // the Prometheus operator's, not Kubernetes's
			}
			decode(t, document)
		}
	})
}

// TestPodsKeepTheRestrictedStandard has the rules of Kubernetes's Pod Security
// Standards for the level "restricted", and one of our own: files are read-only.
func TestPodsKeepTheRestrictedStandard(t *testing.T) {
	eachValues(t, func(t *testing.T, values string) {
		pods := 0
		for _, document := range render(t, values) {
			if strings.Contains(document, "kind: ServiceMonitor") {
				continue
			}
			var pod corev1.PodSpec
			switch o := decode(t, document).(type) {
			case *appsv1.Deployment:
				pod = o.Spec.Template.Spec
			case *batchv1.Job:
				pod = o.Spec.Template.Spec
			default:
				continue
			}
			pods++
			require.True(t, *pod.SecurityContext.RunAsNonRoot)
			require.NotZero(t, *pod.SecurityContext.RunAsUser)
			require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
			require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC)
			require.Empty(t, pod.InitContainers)
			require.Len(t, pod.Containers, 1)
			container := pod.Containers[0].SecurityContext
			require.False(t, *container.AllowPrivilegeEscalation)
			require.True(t, *container.ReadOnlyRootFilesystem)
			require.Nil(t, container.Privileged)
			require.Equal(t, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, container.Capabilities)
			for _, v := range pod.Volumes {
				require.True(t, v.ConfigMap != nil || v.Secret != nil, v.Name)
			}
			for _, p := range pod.Containers[0].Ports {
				require.Zero(t, p.HostPort)
			}
		}
		require.GreaterOrEqual(t, pods, 2)
	})
}

func TestTheConfigurationIsOneThatCISCanRead(t *testing.T) {
	eachValues(t, func(t *testing.T, values string) {
		found := 0
		for _, document := range render(t, values) {
			if !strings.Contains(document, "kind: ConfigMap") {
				continue
			}
			found++
			file := filepath.Join(t.TempDir(), "cis.yaml")
			require.NoError(t, os.WriteFile(file, []byte(decode(t, document).(*corev1.ConfigMap).Data["cis.yaml"]), 0o600))
			flags := config.NewFlags()
			flags.File = file
			loaded := config.Load(flags, func(string) (string, bool) { return "", false })
			text, err := loaded.YAML()
			require.NoError(t, err)
			require.Contains(t, string(text), ":9090")
			for _, problem := range strings.Split(errorText(loaded.Check(config.ServesAPI|config.Works)), "\n") {
				require.NotContains(t, problem, "there is no such setting")
			}
		}
		require.Positive(t, found)
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ set, says string }{
		"no image":                {"image.repository=", "/image/repository"},
		"no secret":               {"secret=", "/secret"},
		"a value that is unknown": {"api.replica=3", "replica"},
		"no environment":          {"config.environment=null", "environment"},
		"half a digest":           {"image.digest=sha256:12", "/image/digest"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command("helm", "template", "test", "cis", "--kube-version", os.Getenv("KUBE_VERSION"),
				"-f", "cis/ci/small.yaml", "--set", test.set).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), test.says)
		})
	}
}
