package env

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// hostile are values that some format or shell is known to mangle or to run.
func hostile() []string {
	values := []string{
		"", " ", "  two  ", "\t", "\n", "\n\n", "a\nb", "a\n", "\na", "\r", "a\r\nb\r\n", "a\rb",
		"'", "''", `"`, `""`, `'"`, "it's", `it's "x"`, `say "hi"`, `"`, `a"`, `'a'`, `it'\''s`,
		`\`, `\\`, `\\\`, `a\`, `a\\`, `\a`, `\n`, `\t`, `\"`, `\'`, `\$`, "\\`", "\\\n", "a\\\nb", `C:\dir\`,
		"$", "$$", "$1", "$X", "${X}", "${X", "$(touch pwned)", "${X:-$(touch pwned)}", "`touch pwned`", "$((1+1))", "a$", `\$(touch pwned)`,
		"\\`touch pwned\\`", "';touch pwned;'", `";touch pwned;"`, "\n touch pwned\n", "; touch pwned", "| touch pwned", "&& touch pwned", "> pwned",
		"~", "~root", "a:~", "a=~", "*", "?", "[a-z]*", "{a,b}", "!", "!!", "!$", "#", " #", "a # b", "a #b # c", "#!/bin/sh",
		"=", "a=b", "-n", "-e", "--", "%s", "%d%n", "<<EOF", "EOF", "envbuild_", "export X=1", "ghadelimiter_x", "X<<EOF\na\nEOF",
		"ä", "日本語", "\u00a0", "\u0085", "\u2028", "\ufeff", "é\n", "\U0001f600",
		"\x80", "\xff\xfe", "a\xc3", "\xc3\n", "\xc3\"", "\xc3\\", "\xed\xa0\x80", "\x81\x82\x83\x84\x85\x86\x87\x88",
		"\x01", "\x02", "\x7f", "\x01\x7f", "\x1b[31m", "\a\b\v\f", "a\x01\"b", "\x01\\", "\x7f$X", "\x01\x01", "\x80$(touch pwned)",
		"true", "null", "0123", "1e3", "{}", "[]", "yes", strings.Repeat("long ", 10000), strings.Repeat("\\\"$`'\n", 5000),
	}
	return append(values, random(400)...)
}

// random makes strings of the bytes that matter, the same ones each time.
func random(n int) []string {
	pieces := []string{
		"\\", "\"", "'", "$", "`", "\n", "\r", " ", "\t", "#", "=", ":", "(", ")", "{", "}", "~", "*", "!", "&", ";", "|", "<", ">", "%",
		"a", "B", "0", "_", "$A", "${A}", "$(", "é", "\xff", "\x80", "\x01", "\x7f", "\u00a0",
	}
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]string, n)
	for i := range values {
		for range 1 + r.IntN(8) {
			values[i] += pieces[r.IntN(len(pieces))]
		}
	}
	return values
}

func utf8Only(values []string) (list []string) {
	for _, s := range values {
		if utf8.ValidString(s) {
			list = append(list, s)
		}
	}
	return list
}
