package deploy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	"orderengine/cmd/engine"
)

// TestKubernetes decodes each object strictly into Kubernetes' own type: a field that there is not is an error.
func TestKubernetes(t *testing.T) {
	var config core.ConfigMap
	var service core.Service
	var keys core.PersistentVolumeClaim
	var servers apps.StatefulSet
	var budget policy.PodDisruptionBudget
	var network networking.NetworkPolicy
	into := map[string]any{"ConfigMap": &config, "Service": &service, "PersistentVolumeClaim": &keys, "StatefulSet": &servers, "PodDisruptionBudget": &budget, "NetworkPolicy": &network}
	for _, object := range bytes.Split(read(t, "kubernetes/orderd.yaml"), []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(object, &kind); err != nil {
			t.Fatal(err)
		}
		target := into[kind.Kind]
		if target == nil {
			t.Fatalf("an object of the kind %q, which is none of those wanted or stands twice", kind.Kind)
		}
		delete(into, kind.Kind)
		if err := yaml.UnmarshalStrict(object, target); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
	}
	if len(into) > 0 {
		t.Fatalf("there is no %v", into)
	}
	pod := servers.Spec.Template
	for who, selector := range map[string]map[string]string{
		"the service": service.Spec.Selector, "the set": servers.Spec.Selector.MatchLabels,
		"the budget": budget.Spec.Selector.MatchLabels, "the policy": network.Spec.PodSelector.MatchLabels,
	} {
		if len(selector) != 1 || pod.Labels["app"] != selector["app"] {
			t.Errorf("%s selects %v, the pods have %v", who, selector, pod.Labels)
		}
	}
	if servers.Spec.ServiceName != service.Name || *servers.Spec.Replicas < 2 || budget.Spec.MinAvailable.IntValue() >= int(*servers.Spec.Replicas) {
		t.Errorf("%d servers of %s, at least %v", *servers.Spec.Replicas, servers.Spec.ServiceName, budget.Spec.MinAvailable)
	}
	if shared := pod.Spec.Volumes[0].PersistentVolumeClaim; shared == nil || shared.ClaimName != keys.Name || keys.Spec.AccessModes[0] != core.ReadWriteMany {
		t.Errorf("the patients' keys are not shared: %+v", pod.Spec.Volumes[0])
	}
	container(t, pod.Spec, servers.Spec.VolumeClaimTemplates)
	settings := flags()
	if err := engine.Environment(settings, func(name string) (string, bool) { value, ok := config.Data[name]; return value, ok }); err != nil {
		t.Error(err)
	}
	settings.VisitAll(func(f *pflag.Flag) {
		if f.Changed && strings.Contains(f.Name, "token") {
			t.Errorf("%s stands in the ConfigMap", f.Name)
		}
	})
}

func container(t *testing.T, pod core.PodSpec, claims []core.PersistentVolumeClaim) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range claims {
		volumes[c.Name] = true
	}
	c := pod.Containers[0]
	for _, mount := range c.VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("the volume %s is not there", mount.Name)
		}
	}
	ports := map[string]bool{}
	for _, p := range c.Ports {
		ports[p.Name] = true
	}
	for name, probe := range map[string]*core.Probe{"/readyz": c.StartupProbe, "/livez": c.LivenessProbe} {
		if probe == nil || probe.HTTPGet.Path != name || !ports[probe.HTTPGet.Port.StrVal] {
			t.Errorf("the probe %+v, want one of %s", probe, name)
		}
	}
	s := c.SecurityContext
	if !*pod.SecurityContext.RunAsNonRoot || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 {
		t.Errorf("it may do more than it needs: %+v", s)
	}
	if *pod.TerminationGracePeriodSeconds < 25 || c.Resources.Requests.Memory().IsZero() {
		t.Errorf("%d s to stop, %v", *pod.TerminationGracePeriodSeconds, c.Resources.Requests)
	}
}
