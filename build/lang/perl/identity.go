package perl

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// RuntimeIdentity implements lang.Identifier. perl is not a distribution in
// CPAN's index, so its package URL names the archive; vulnerabilities of perl
// itself go by the CPE.
func (*Perl) RuntimeIdentity(pin pkgspec.RuntimePin) lang.Identity {
	checksum := packageurl.Qualifier{Key: "checksum", Value: "sha256:" + pin.Source().SHA256.String()}
	return lang.Identity{
		PURL:    packageurl.NewPackageURL(packageurl.TypeGeneric, "", "perl", pin.Version, packageurl.Qualifiers{checksum}, "").ToString(),
		CPE:     "cpe:2.3:a:perl:perl:" + pin.Version + ":*:*:*:*:*:*:*",
		License: perlLicense,
		Authors: []string{"Larry Wall and others"},
	}
}

// DistributionIdentity implements lang.Identifier. An archive that isn't an
// author's has no name on CPAN.
func (*Perl) DistributionIdentity(pin pkgspec.Pin) lang.Identity {
	id := lang.Identity{License: pin.License}
	if author := cpanAuthor(pin.Source().Path); author != "" {
		id.PURL = packageurl.NewPackageURL(packageurl.TypeCpan, author, pin.Name, pin.Version, nil, "").ToString()
		return id
	}
	qualifiers := packageurl.Qualifiers{{Key: "checksum", Value: "sha256:" + pin.Source().SHA256.String()}}
	if pin.Source().URL != "" {
		qualifiers = append(qualifiers, packageurl.Qualifier{Key: "download_url", Value: pin.Source().URL})
	}
	id.PURL = packageurl.NewPackageURL(packageurl.TypeGeneric, "", pin.Name, pin.Version, qualifiers, "").ToString()
	return id
}

// cpanAuthor returns MIYAGAWA of M/MI/MIYAGAWA/Plack-1.0050.tar.gz, or nothing.
func cpanAuthor(pathname string) string {
	parts := strings.Split(pathname, "/")
	if len(parts) < 4 || !strings.HasPrefix(parts[2], parts[1]) || !strings.HasPrefix(parts[1], parts[0]) || len(parts[0]) != 1 {
		return ""
	}
	return parts[2]
}

// Notice implements lang.Identifier, from what the recipe keeps of a distribution.
func (*Perl) Notice(pin pkgspec.Pin, tree string) (lang.Notice, error) {
	var n lang.Notice
	files, err := filepath.Glob(filepath.Join(tree, "lib/perl5/*/.meta", escapeGlob(distvname(&pin)), "*"))
	if err != nil {
		return n, err
	}
	var terms []string
	for _, file := range files {
		fi, err := os.Lstat(file)
		if err != nil {
			return n, err
		}
		if !fi.Mode().IsRegular() || fi.Size() > maxNotice {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return n, err
		}
		switch filepath.Base(file) {
		case "install.json":
		case "MYMETA.json":
			n.Authors = metaAuthors(data)
		default:
			terms = append(terms, strings.TrimSpace(string(data)))
		}
	}
	n.Terms = strings.Join(terms, "\n\n")
	return n, nil
}

// maxNotice is the most that is read of a file, in bytes: the longest licences of
// all have 40 kB.
const maxNotice = 1 << 20

// metaAuthors reads the authors of META. The recipe copies what the distribution
// wrote, whatever it is.
func metaAuthors(data []byte) []string {
	var meta struct {
		Author any `json:"author"`
	}
	if json.Unmarshal(data, &meta) != nil {
		return nil
	}
	list, ok := meta.Author.([]any)
	if !ok {
		list = []any{meta.Author}
	}
	var out []string
	for _, a := range list {
		name := strings.Join(strings.Fields(textOf(a)), " ")
		if name != "" && name != "unknown" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// escapeGlob makes a pattern that matches s only.
func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}
