package pkgspec

import (
	"os"
	"regexp"
	"testing"
)

// TestPublishingExamples parses every example of docs/publishing.md.
func TestPublishingExamples(t *testing.T) {
	text, err := os.ReadFile("../docs/publishing.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	for _, b := range blocks {
		s, err := Parse("docs/publishing.md", append([]byte(minimal), b[1]...), testLanguages()...)
		if err != nil {
			t.Errorf("%v in\n%s", err, b[1])
		} else if len(s.Publish) == 0 {
			t.Errorf("no target in\n%s", b[1])
		}
	}
	if len(blocks) < 12 {
		t.Errorf("%d examples", len(blocks))
	}
}
