package deploy

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// schemas is the wheel of PyPI's kubernetes-validate, whose JSON schemas are Kubernetes' own.
var schemas = flag.String("schemas", "", "the `FILE` kubernetes_validate-….whl; empty: shapes are not checked")

const (
	kubernetes = "../../deploy/kubernetes"
	schemaOf   = "v1.37.0-local-strict" // of Kubernetes 1.37; no field that it does not know
)

func built(t *testing.T, name string) resmap.ResMap {
	t.Helper()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(kubernetes, name))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// get returns what a resource says at a path such as spec.template.spec.
func get(t *testing.T, m resmap.ResMap, kind, name, at string) any {
	t.Helper()
	for _, r := range m.Resources() {
		if r.GetKind() != kind || !strings.HasPrefix(r.GetName(), name) {
			continue
		}
		v, err := r.Map()
		if err != nil {
			t.Fatal(err)
		}
		var found any = v
		for _, step := range strings.Split(at, ".") {
			if list, ok := found.([]any); ok && step == "0" && len(list) > 0 {
				found = list[0]
				continue
			}
			in, _ := found.(map[string]any)
			found = in[step]
		}
		return found
	}
	t.Errorf("there is no %s %s", kind, name)
	return nil
}

// Each folder builds into what it promises, and nothing beside it.
func TestKustomize(t *testing.T) {
	for name, want := range map[string][]string{
		"base":     {"ConfigMap", "Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service", "ServiceAccount"},
		"replicas": {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount", "ServiceMonitor"},
		"vllm":     {"Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"},
	} {
		m := built(t, name)
		kinds := map[string]bool{}
		for _, r := range m.Resources() {
			kinds[r.GetKind()] = true
			if r.GetLabels()["app.kubernetes.io/name"] == "" {
				t.Errorf("%s: %s %s has no label", name, r.GetKind(), r.GetName())
			}
		}
		if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The pods pass the restricted level of Kubernetes' pod security standards, but for vLLM's, which
// runs as root in its image.
func TestPodsAreRestricted(t *testing.T) {
	for _, name := range []string{"base", "replicas", "vllm"} {
		m := built(t, name)
		deployment := map[bool]string{true: "vllm", false: "llmbot"}[name == "vllm"]
		for at, want := range map[string]any{
			"spec.template.spec.automountServiceAccountToken":                          false,
			"spec.template.spec.securityContext.seccompProfile.type":                   "RuntimeDefault",
			"spec.template.spec.containers.0.securityContext.allowPrivilegeEscalation": false,
			"spec.template.spec.containers.0.securityContext.capabilities.drop.0":      "ALL",
		} {
			if got := get(t, m, "Deployment", deployment, at); got != want {
				t.Errorf("%s: %s is %v", name, at, got)
			}
		}
		if name == "vllm" {
			continue
		}
		for at, want := range map[string]any{
			"spec.template.spec.securityContext.runAsNonRoot":                        true,
			"spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem": true,
			"spec.template.spec.containers.0.readinessProbe.httpGet.path":            "/readyz",
			"spec.template.spec.containers.0.livenessProbe.httpGet.path":             "/livez",
			"spec.template.spec.containers.0.resources.limits.memory":                "1Gi",
		} {
			if got := get(t, m, "Deployment", deployment, at); got != want {
				t.Errorf("%s: %s is %v", name, at, got)
			}
		}
	}
}

// One bot has the volume alone; two have no volume, and none of them waits for the other to end.
func TestReplicas(t *testing.T) {
	base, replicas, vllm := built(t, "base"), built(t, "replicas"), built(t, "vllm")
	for _, tt := range []struct {
		m        resmap.ResMap
		name, at string
		want     any
	}{
		{base, "llmbot", "spec.replicas", 1},
		{base, "llmbot", "spec.strategy.type", "Recreate"},
		{base, "llmbot", "spec.template.spec.volumes.0.persistentVolumeClaim.claimName", "llmbot"},
		{replicas, "llmbot", "spec.replicas", 2},
		{replicas, "llmbot", "spec.strategy.type", "RollingUpdate"},
		{replicas, "llmbot", "spec.strategy.rollingUpdate.maxUnavailable", 0},
		{replicas, "llmbot", "spec.template.spec.volumes.0.persistentVolumeClaim", nil},
		{replicas, "llmbot", "spec.template.spec.volumes.0.emptyDir.sizeLimit", "256Mi"},
		{vllm, "vllm", "spec.template.spec.containers.0.startupProbe.failureThreshold", 180}, // of 10 s: 30 minutes
	} {
		if got := get(t, tt.m, "Deployment", tt.name, tt.at); got != tt.want {
			t.Errorf("%s is %v, want %v", tt.at, got, tt.want)
		}
	}
	// The bot's pages ask for no password: of other pods only Prometheus reaches them. Two bots may
	// not reach everything, either.
	for _, tt := range []struct {
		m      resmap.ResMap
		types  int
		egress bool
	}{{base, 1, false}, {replicas, 2, true}} {
		from, _ := get(t, tt.m, "NetworkPolicy", "llmbot", "spec.ingress.0.from").([]any)
		whose, _ := get(t, tt.m, "NetworkPolicy", "llmbot", "spec.ingress.0.from.0.namespaceSelector.matchLabels").(map[string]any)
		pods, _ := get(t, tt.m, "NetworkPolicy", "llmbot", "spec.podSelector.matchLabels").(map[string]any)
		if len(from) != 1 || whose["kubernetes.io/metadata.name"] != "monitoring" || pods["app.kubernetes.io/name"] != "llmbot" {
			t.Errorf("%v reach %v", from, pods)
		}
		types, _ := get(t, tt.m, "NetworkPolicy", "llmbot", "spec.policyTypes").([]any)
		if egress := get(t, tt.m, "NetworkPolicy", "llmbot", "spec.egress"); len(types) != tt.types || (egress != nil) != tt.egress {
			t.Errorf("policy types %v, egress %v", types, egress)
		}
	}
	// The policy lets the bot reach vLLM's pods, and them nobody but the bot and Prometheus.
	for _, at := range []string{"spec.podSelector.matchLabels", "spec.ingress.0.from.0.podSelector.matchLabels"} {
		got, _ := get(t, vllm, "NetworkPolicy", "vllm", at).(map[string]any)
		if want := map[bool]string{true: "vllm", false: "llmbot"}[at == "spec.podSelector.matchLabels"]; got["app.kubernetes.io/name"] != want {
			t.Errorf("%s is %v", at, got)
		}
	}
}

// Every resource has the shape that Kubernetes takes. What is not Kubernetes' own is listed.
func TestShapes(t *testing.T) {
	if *schemas == "" {
		t.Skip("no -schemas")
	}
	dir := unpacked(t, *schemas)
	v, err := validator.New([]string{dir + "/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true, IgnoreMissingSchemas: true})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range []string{"base", "replicas", "vllm"} {
		text, err := built(t, name).AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range v.Validate(name, io.NopCloser(bytes.NewReader(text))) {
			sig, err := r.Resource.Signature()
			if err != nil {
				t.Fatal(err)
			}
			switch r.Status {
			case validator.Valid:
				checked++
			case validator.Skipped:
				t.Logf("%s: %s %s has no schema here, and was not checked", name, sig.Kind, sig.Name)
				if sig.Kind != "ServiceMonitor" {
					t.Errorf("%s: %s", name, sig.Kind)
				}
			default:
				t.Errorf("%s: %s %s: %v", name, sig.Kind, sig.Name, r.Err)
			}
		}
	}
	if checked != 16 {
		t.Errorf("%d resources checked", checked)
	}
}

// unpacked writes the schemas of one version of Kubernetes into a folder, with references that are
// files of it.
func unpacked(t *testing.T, wheel string) string {
	t.Helper()
	z, err := zip.OpenReader(wheel)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	for _, f := range z.File {
		if path.Base(path.Dir(f.Name)) != schemaOf || path.Ext(f.Name) != ".json" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.NewDecoder(r).Decode(&schema); err != nil {
			continue // a list of them
		}
		_ = r.Close()
		delete(schema, "$id") // an address
		b, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.ReplaceAll(b, []byte(`"/api/_definitions.json#`), []byte(`"_definitions.json#`))
		if err := os.WriteFile(filepath.Join(dir, path.Base(f.Name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
