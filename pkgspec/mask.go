package pkgspec

import (
	"regexp"
	"strings"
)

// secretWords are parts of names that only secrets have, without - _ and dots.
const secretWords = `token|apikey|artapi|password|passwd|secret|credential|signature|authorization|cookie`

// userinfo is name:password@ in an address of any kind.
func userinfo() *regexp.Regexp { return regexp.MustCompile(`[^\s"'/@:,{}\[\]]*:[^\s"'/@]+@`) }

// maskSecrets hides what looks like a secret in a line that is about to be
// shown. The line keeps its length, so that a caret below it stands right.
func maskSecrets(line string) string {
	hide := func(s string) string { return strings.Repeat("*", len([]rune(s))) }
	line = userinfo().ReplaceAllStringFunc(line, hide)
	named := regexp.MustCompile(`(?i)([?&;][\w.-]*(?:` + secretWords + `)[\w.-]*=)([^&;\s"']+)`)
	line = replaceSecond(named, line, hide)
	keyed := regexp.MustCompile(`(?i)([\w-]*(?:` + secretWords + `|api[-_]key|art[-_]api)[\w-]*["']?\s*:\s+)(\S.*)`)
	return replaceSecond(keyed, line, hide)
}

// replaceSecond replaces the second group of each match.
func replaceSecond(re *regexp.Regexp, s string, f func(string) string) string {
	return re.ReplaceAllStringFunc(s, func(m string) string {
		g := re.FindStringSubmatch(m)
		return g[1] + f(g[2])
	})
}
