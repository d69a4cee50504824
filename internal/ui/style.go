package ui

// style is how a piece of text looks: the parameters of SGR.
type style string

const (
	normal style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// painter gives text its style, or leaves it plain.
type painter struct{ color bool }

func (p painter) paint(s style, text string) string {
	if !p.color || s == normal || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// span is a piece of a line in one style.
type span struct {
	style style
	text  string
}

// line paints spans, cut to a number of cells, and returns the cells taken.
func (p painter) line(spans []span, width int) (text string, cells int) {
	for _, s := range spans {
		t := cut(s.text, width-cells)
		cells += cellsOf(t)
		text += p.paint(s.style, t)
		if t != s.text {
			break
		}
	}
	return text, cells
}
