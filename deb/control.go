package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
)

// fieldOrder is the order of dpkg-gencontrol. Fields that it doesn't have follow,
// sorted.
var fieldOrder = [...]string{
	"Package", "Package-Type", "Source", "Version", "Kernel-Version", "Built-Using", "Static-Built-Using",
	"Architecture", "Architecture-Variant", "Essential", "Protected", "Origin", "Bugs", "Maintainer", "Installed-Size",
	"Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances", "Conflicts", "Breaks", "Replaces", "Provides",
	"Section", "Priority", "Multi-Arch", "Homepage", "Description", "Tag", "Task",
}

// controlFile renders what nfpm's model holds, as nfpm does but for the order and
// the size in KiB.
func controlFile(info *nfpm.Info, installedSize int64) []byte {
	fields := maps.Clone(info.Deb.Fields)
	if fields == nil {
		fields = map[string]string{}
	}
	version := info.Version
	if info.Epoch != "" {
		version = info.Epoch + ":" + version
	}
	maps.Copy(fields, map[string]string{
		"Package": info.Name, "Version": version, "Section": info.Section, "Priority": info.Priority,
		"Architecture": info.Arch, "Architecture-Variant": archVariant(info.Deb.ArchVariant),
		"Maintainer": info.Maintainer, "Installed-Size": strconv.FormatInt(installedSize, 10),
		"Homepage": info.Homepage, "Description": description(info.Description),
		"Pre-Depends": relations(info.Deb.Predepends), "Depends": relations(info.Depends),
		"Recommends": relations(info.Recommends), "Suggests": relations(info.Suggests),
		"Conflicts": relations(info.Conflicts), "Breaks": relations(info.Deb.Breaks),
		"Replaces": relations(info.Replaces), "Provides": relations(info.Provides),
	})
	var b bytes.Buffer
	write := func(name string) {
		if value := fields[name]; value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
		delete(fields, name)
	}
	for _, name := range fieldOrder {
		write(name)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		write(name)
	}
	return b.Bytes()
}

// archVariant completes the short form that nfpm allows.
func archVariant(v string) string {
	if len(v) == 2 && v[0] == 'v' {
		return "amd64" + v
	}
	return v
}

func relations(values []string) string {
	var out []string
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return strings.Join(out, ", ")
}

// description folds a text as policy 5.6.13 wants: the first line is the synopsis,
// an empty line a dot.
func description(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		l = strings.TrimSpace(l)
		switch {
		case i == 0:
		case l == "":
			l = " ."
		default:
			l = " " + l
		}
		lines[i] = l
	}
	return strings.Join(lines, "\n")
}

// triggers renders deb-triggers(5).
func triggers(t nfpm.DebTriggers) []byte {
	var b bytes.Buffer
	for _, d := range []struct {
		directive string
		names     []string
	}{
		{"interest", t.Interest}, {"interest-await", t.InterestAwait}, {"interest-noawait", t.InterestNoAwait},
		{"activate", t.Activate}, {"activate-await", t.ActivateAwait}, {"activate-noawait", t.ActivateNoAwait},
	} {
		for _, name := range d.names {
			fmt.Fprintf(&b, "%s %s\n", d.directive, name)
		}
	}
	return b.Bytes()
}

// member is a file of control.tar.
type member struct {
	name    string
	content []byte
	mode    int64
}

// controlMembers are those that the package has, in their order.
func (p *plan) controlMembers(info *nfpm.Info) ([]member, error) {
	members := []member{
		{"control", controlFile(info, p.items.installedSize()), 0o644},
		{"md5sums", p.items.md5sums(), 0o644},
		{"conffiles", p.items.conffiles(), 0o644},
		{"triggers", triggers(info.Deb.Triggers), 0o644},
		{"preinst", []byte(p.scripts.PreInst), 0o755},
		{"postinst", []byte(p.scripts.PostInst), 0o755},
		{"prerm", []byte(p.scripts.PreRm), 0o755},
		{"postrm", []byte(p.scripts.PostRm), 0o755},
	}
	for _, f := range []struct {
		name, path string
		mode       int64
	}{
		{"config", info.Deb.Scripts.Config, 0o755}, {"templates", info.Deb.Scripts.Templates, 0o644},
		{"rules", info.Deb.Scripts.Rules, 0o755},
	} {
		if f.path == "" {
			continue
		}
		content, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		members = append(members, member{f.name, content, f.mode})
	}
	return slices.DeleteFunc(members, func(m member) bool { return len(m.content) == 0 }), nil
}

// controlTar compresses the members. It is gzip whatever the data is: every dpkg
// reads it, and it is the part that each package has anew.
func controlTar(members []member, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	for _, m := range members {
		err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: "./" + m.name, Mode: m.mode, Size: int64(len(m.content)), ModTime: date,
			Uname: "root", Gname: "root", Format: tar.FormatGNU,
		})
		if err != nil {
			return nil, err
		}
		if _, err := t.Write(m.content); err != nil {
			return nil, err
		}
	}
	err = errors.Join(t.Close(), z.Close())
	return b.Bytes(), err
}
