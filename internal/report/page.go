package report

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// Page is what the report of an environment shows.
type Page struct {
	// Title is the project's name, Lock the digest of its lock.
	Title, Lock string
	// Runtime is "node 22.1.0".
	Runtime string
	// Date is the lock's.
	Date  time.Time
	Steps []PageStep
}

// PageStep is one step in the order of the graph, dependencies first.
type PageStep struct {
	Name, Version, License string
	// Started and Duration are of the run that made the output; Started is zero for
	// what hasn't been built.
	Started  time.Time
	Duration time.Duration
	// Files and Bytes are of the output.
	Files int
	Bytes int64
	// Needs names the steps that it needs directly.
	Needs []string
}

// HTML returns a page that needs nothing else: no script, no network.
func (p Page) HTML() ([]byte, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p.view())
	return b.Bytes(), err
}

// pageView is the page's data as the template draws it.
type pageView struct {
	Page
	Bars   []pageBar
	Span   string
	Sizes  []pageSize
	Total  string
	Nodes  []pageNode
	Edges  []pageEdge
	Width  int
	Height int
	Rows   []pageRow
}

// pageBar is a step in the time line, in percent of its width.
type pageBar struct {
	Label, Title string
	Left, Width  float64
}

type pageSize struct {
	Name, Size string
	Percent    float64
}

type pageNode struct {
	Name       string
	X, Y, W    int
	IsRuntime  bool
	TitleLines string
}

type pageEdge struct{ Path string }

type pageRow struct{ Name, Version, License, Duration, Size, Files, Needs string }

const (
	nodeHeight = 22
	nodeGap    = 12
	layerGap   = 70
	charWidth  = 7
)

func (p Page) view() pageView {
	v := pageView{Page: p}
	v.timeline()
	v.sizes()
	v.graph()
	for _, s := range p.Steps {
		row := pageRow{Name: s.Name, Version: s.Version, License: s.License, Needs: strings.Join(s.Needs, ", "), Duration: "-", Size: "-", Files: "-"}
		if !s.Started.IsZero() {
			row.Duration, row.Size, row.Files = seconds(s.Duration), megabytes(s.Bytes), fmt.Sprint(s.Files)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func seconds(d time.Duration) string  { return fmt.Sprintf("%.1f s", d.Seconds()) }
func megabytes(n int64) string        { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }
func percent(part, all int64) float64 { return 100 * float64(part) / float64(max(all, 1)) }

// timeline draws the last run in which anything was built: steps of earlier days
// would leave nothing of it to see.
func (v *pageView) timeline() {
	var built []PageStep
	for _, s := range v.Steps {
		if !s.Started.IsZero() {
			built = append(built, s)
		}
	}
	slices.SortStableFunc(built, func(a, b PageStep) int { return a.Started.Compare(b.Started) })
	const pause = 5 * time.Minute
	from, end := 0, time.Time{}
	for i, s := range built {
		if i > 0 && s.Started.Sub(end) > pause {
			from = i
		}
		if e := s.Started.Add(s.Duration); e.After(end) {
			end = e
		}
	}
	if len(built) == 0 {
		return
	}
	built = built[from:]
	start := built[0].Started
	span := end.Sub(start)
	v.Span = seconds(span)
	for _, s := range built {
		v.Bars = append(v.Bars, pageBar{
			Label: s.Name, Title: fmt.Sprintf("%s %s: %s, from %s on", s.Name, s.Version, seconds(s.Duration), seconds(s.Started.Sub(start))),
			Left: percent(int64(s.Started.Sub(start)), int64(span)), Width: max(percent(int64(s.Duration), int64(span)), 0.1),
		})
	}
}

func (v *pageView) sizes() {
	var total int64
	steps := slices.Clone(v.Steps)
	for _, s := range steps {
		total += s.Bytes
	}
	slices.SortStableFunc(steps, func(a, b PageStep) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	v.Total = megabytes(total)
	const most = 15
	for _, s := range steps[:min(len(steps), most)] {
		v.Sizes = append(v.Sizes, pageSize{Name: s.Name, Size: megabytes(s.Bytes), Percent: percent(s.Bytes, steps[0].Bytes)})
	}
}

// graph puts every step below all that it needs. What everything needs, the
// runtime, has no edges: they would hide the rest.
func (v *pageView) graph() {
	if len(v.Steps) == 0 {
		return
	}
	runtime := v.Steps[0].Name
	layer, layers := map[string]int{}, [][]PageStep{}
	for _, s := range v.Steps {
		for _, n := range s.Needs {
			if n != runtime {
				layer[s.Name] = max(layer[s.Name], layer[n]+1)
			} else {
				layer[s.Name] = max(layer[s.Name], 1)
			}
		}
		for len(layers) <= layer[s.Name] {
			layers = append(layers, nil)
		}
		layers[layer[s.Name]] = append(layers[layer[s.Name]], s)
	}
	const wide = 1200
	at := map[string]pageNode{}
	y := 8
	for _, steps := range layers {
		x := 8
		for _, s := range steps {
			n := pageNode{Name: s.Name, X: x, Y: y, W: len(s.Name)*charWidth + 12, IsRuntime: s.Name == runtime, TitleLines: s.Name + " " + s.Version}
			if x+n.W > wide {
				x, y = 8, y+nodeHeight+nodeGap
				n.X, n.Y = x, y
			}
			x += n.W + nodeGap
			at[s.Name] = n
			v.Nodes = append(v.Nodes, n)
		}
		y += layerGap
	}
	v.Width, v.Height = wide+16, y
	for _, s := range v.Steps {
		for _, name := range s.Needs {
			if name == runtime {
				continue
			}
			from, to := at[name], at[s.Name]
			x1, y1, x2, y2 := from.X+from.W/2, from.Y+nodeHeight, to.X+to.W/2, to.Y
			v.Edges = append(v.Edges, pageEdge{fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, (y1+y2)/2, x2, (y1+y2)/2, x2, y2)})
		}
	}
}
