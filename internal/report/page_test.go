package report

import (
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	start := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	p := Page{Title: "web & <b>", Runtime: "perl 5.36.0", Steps: []PageStep{
		{Name: "perl", Version: "5.36.0", Started: start.Add(-24 * time.Hour), Duration: time.Minute, Bytes: 60e6, Files: 3},
		{Name: "DBI", Version: "1", Needs: []string{"perl"}, Started: start, Duration: 3 * time.Second, Bytes: 1e6},
		{Name: "DBD-SQLite", Version: "1", Needs: []string{"perl", "DBI"}, Started: start.Add(3 * time.Second), Duration: time.Second},
		{Name: "New<script>", Version: "1", Needs: []string{"perl", "DBI"}, License: "MIT"},
	}}
	text, err := p.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"web &amp; &lt;b&gt;", "New&lt;script&gt;", "The last run that built anything: 4.0 s.", "left:75.00%;width:25.00%", "61.00 MB in all", "<td class=\"licence\">MIT",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for _, outside := range []string{"<script", "http:", "https:", "src=", "@import"} {
		if strings.Contains(string(text), outside) {
			t.Errorf("the page has %q", outside)
		}
	}
	// The old run isn't in the time line, and the runtime has no edges.
	v := p.view()
	if len(v.Bars) != 2 || len(v.Edges) != 2 || len(v.Nodes) != 4 {
		t.Errorf("%d bars, %d edges, %d nodes", len(v.Bars), len(v.Edges), len(v.Nodes))
	}
}

func TestEmptyPage(t *testing.T) {
	if text, err := (Page{}).HTML(); err != nil || !strings.Contains(string(text), "Nothing has been built yet") {
		t.Errorf("%s %v", text, err)
	}
}
