package elfedit

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// defaultDirectory matches the directories that the loader searches anyway, also the
// multiarch ones of Debian. MakeMaker writes them into RUNPATH when a
// distribution passes -L for a system library.
var defaultDirectory = regexp.MustCompile(`^(/usr)?/lib(32|64|x32|/[^/]+-linux-(gnu|musl)[^/]*)?$`)

// Relative returns the search path for a file in the directory dir, slash-separated
// and relative to prefix, such that it holds wherever the prefix is moved:
//
//   - a directory under prefix becomes $ORIGIN/…;
//   - the loader's default directories, empty entries (they mean the working
//     directory) and repetitions are dropped;
//   - everything else stays. That is right for a directory under the other build
//     prefix: where that one will lie in relation to this one is known only when
//     a view is made, and then the placeholder is overwritten with the real
//     prefix, padded with slashes. Any other absolute directory is the health
//     check's to refuse.
func Relative(runpath, dir, prefix string) string {
	var out []string
	for entry := range strings.SplitSeq(runpath, ":") {
		if entry = relativeEntry(entry, dir, prefix); entry != "" && !slices.Contains(out, entry) {
			out = append(out, entry)
		}
	}
	return strings.Join(out, ":")
}

func relativeEntry(entry, dir, prefix string) string {
	if entry == "" {
		return ""
	}
	clean := path.Clean(entry)
	if defaultDirectory.MatchString(clean) {
		return ""
	}
	below, ok := strings.CutPrefix(clean, prefix)
	if !ok || below != "" && below[0] != '/' {
		return entry
	}
	up, err := filepath.Rel("/"+dir, "/"+strings.TrimPrefix(below, "/"))
	if err != nil || up == "." {
		return "$ORIGIN"
	}
	return "$ORIGIN/" + up
}
