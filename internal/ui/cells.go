package ui

import (
	"strings"
	"unicode"
)

// wide are the ranges whose characters take two cells: East Asian Width W and F
// of Unicode, and what terminals show as emoji. It is coarse: no name of a
// distribution holds one, and a line that is cut a cell early does no harm.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x231a, Hi: 0x231b, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// cellsOfRune is how many cells a terminal gives to a character.
func cellsOfRune(r rune) int {
	switch {
	case unicode.Is(wide, r):
		return 2
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	return 1
}

// cellsOf is how many cells a terminal gives to a text without control
// characters.
func cellsOf(s string) (n int) {
	for _, r := range s {
		n += cellsOfRune(r)
	}
	return n
}

// cut returns as much of s as fits into a number of cells; the last of them
// shows that something is missing.
func cut(s string, width int) string {
	if cellsOf(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		if n+cellsOfRune(r) > width-1 {
			return s[:i] + strings.Repeat("~", min(1, max(0, width)))
		}
		n += cellsOfRune(r)
	}
	return s
}
