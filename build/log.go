package build

import (
	"bytes"
	"strings"
)

// tailLines is how much of a failed step's log a person is shown at once.
const tailLines = 20

// phaseMark begins the line by which a recipe says what it does next.
const phaseMark = "envbuild: phase "

// logTail returns the last lines of a log, without the recipe's own marks.
func logTail(log []byte) []string {
	var lines []string
	for line := range strings.Lines(string(bytes.ToValidUTF8(log, []byte("\uFFFD")))) {
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasPrefix(line, phaseMark) {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-tailLines):]
}

// logPhase returns the last phase that a log names, or "".
func logPhase(log []byte) string {
	i := bytes.LastIndex(log, []byte(phaseMark))
	if i < 0 {
		return ""
	}
	phase, _, _ := bytes.Cut(log[i+len(phaseMark):], []byte("\n"))
	return strings.TrimSpace(string(phase))
}
