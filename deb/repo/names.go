package repo

import (
	"fmt"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

const (
	// stateDir holds what publishers need and clients never ask for.
	stateDir = ".envbuild/"
	// configName is the one file there that changes.
	configName     = stateDir + "repository.json"
	tablesDir      = stateDir + "indexes/"
	generationsDir = stateDir + "generations/"
	poolDir        = "pool/"
	distsDir       = "dists/"
)

// Immutable reports whether a file of that name never changes: the pool, and what
// is named by its content. A storage may tell caches so. The others (Release,
// InRelease, indexes under their plain names) must be asked for anew each time.
func Immutable(name string) bool {
	switch {
	case strings.HasPrefix(name, poolDir), strings.HasPrefix(name, tablesDir), strings.HasPrefix(name, generationsDir):
		return true
	case strings.HasPrefix(name, distsDir):
		return strings.Contains(name, "/by-hash/")
	}
	return false
}

// poolName is a package's file. It has no part of the distribution or the
// component, so that one name, version and architecture is one file in the whole
// repository. The epoch, which the usual file name leaves out, is a directory.
func poolName(k key) string {
	prefix := k.name[:1]
	if strings.HasPrefix(k.name, "lib") && len(k.name) > 3 {
		prefix = k.name[:4]
	}
	version := k.version
	dir := poolDir + prefix + "/" + k.name + "/"
	if epoch, rest, ok := strings.Cut(version, ":"); ok {
		dir, version = dir+"epoch-"+epoch+"/", rest
	}
	return dir + k.name + "_" + version + "_" + k.arch + ".deb"
}

// inRelease is the file that a distribution is read by.
func inRelease(dist string) string { return distsDir + dist + "/InRelease" }

// releaseName is the same file without its signature.
func releaseName(dist string) string { return distsDir + dist + "/Release" }

func tableName(sum digest.SHA256) string { return tablesDir + sum.String() }

func generationName(dist string, r generationRef) string {
	return fmt.Sprintf("%s%s/%08d-%s", generationsDir, dist, r.Number, r.SHA256)
}

// validDist allows what apt allows, without what would leave the directory: names
// with slashes such as "bookworm/updates".
func validDist(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for part := range strings.SplitSeq(asciiLower(s), "/") {
		if part == "" || !isAlnum(part[0]) || !isLower(part, "+-._~") {
			return false
		}
	}
	return true
}
