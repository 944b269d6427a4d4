package deploy

import (
	"os"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// goreleaser reads its settings, and knows every name in them. Its own check needs the whole
// program, whose build takes longer than all the rest of these checks.
func TestRelease(t *testing.T) {
	f, err := os.Open("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	project, err := config.LoadReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Builds) != 1 || len(project.Builds[0].Goos)*len(project.Builds[0].Goarch) != 4 || len(project.SBOMs) != 1 || len(project.DockersV2) != 1 {
		t.Errorf("%+v", project)
	}
	for _, name := range []string{"../../CHANGELOG.md", "../../" + project.DockersV2[0].Dockerfile, "../../cmd/llmbot/licenses.txt"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
