package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Both images run as somebody without rights, write to /data alone, and have nothing in them but
// the program: their last stage begins with an image of some 2 MB. That compose.yaml and
// kubernetes/ make their root read-only is in TestComposeProfiles and TestKubernetes; the bound on
// the program, which decides the image's size, is in .ci/run (static binary).
func TestDockerfiles(t *testing.T) {
	for _, name := range []string{"../../Dockerfile", "../../deploy/Dockerfile.release"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		last := text[strings.LastIndex(text, "\nFROM ")+1:]
		for what, want := range map[string]string{
			"its base":        `^FROM gcr\.io/distroless/static-debian12:nonroot\n`,
			"its user":        `(?m)^USER 65532:65532$`,
			"its folder":      `(?m)^COPY --from=\S+ --chown=65532:65532 \S+ /data$`,
			"its labels":      `org\.opencontainers\.image\.licenses="Apache-2\.0"`,
			"its health":      `(?m)^HEALTHCHECK .*CMD \["/llmbot", "check", "-live"\]$`,
			"no shell in it":  `(?m)^ENTRYPOINT \["/llmbot"\]$`,
			"what it notices": `(?m)^COPY cmd/llmbot/licenses\.txt /licenses\.txt$`,
		} {
			if !regexp.MustCompile(want).MatchString(last) {
				t.Errorf("%s: %s: no %s in\n%s", name, what, want, last)
			}
		}
		if regexp.MustCompile(`(?m)^(RUN|ADD|USER (0|root))`).MatchString(last) {
			t.Errorf("%s: the last stage does more than copy:\n%s", name, last)
		}
	}
}
