package report

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// Subject is what a bill of materials is of.
type Subject struct {
	Name, Version, Description string
	// Supplier is who answers for it, "Name <mail>", or empty.
	Supplier string
	// Date is the source date.
	Date time.Time
	// Parts are what it is made of.
	Parts []Part
}

// Part is something that was built from an archive.
type Part struct {
	// Language and ID tell it from all others. An empty ID is the name.
	Language, ID  string
	Name, Version string
	// Runtime says that it is the interpreter of all others of the language.
	Runtime bool
	// PURL, CPE and License are as in lang.Identity; the last two may be empty.
	PURL, CPE, License string
	// Authors are as the part names them, and may be empty.
	Authors []string
	// Terms are its own text of the licence, or empty. They aren't in the bill.
	Terms string
	// Source is the archive's path on its network, SHA256 its digest.
	Source, SHA256 string
	// Requires are the IDs of other parts of the language.
	Requires []string
}

// SBOM returns the bill of materials in CycloneDX 1.6 JSON. The same subject gives
// the same bytes: the serial number follows from the content, and the program
// that wrote it has no version there.
func SBOM(s Subject) ([]byte, error) {
	bom := cdx.NewBOM()
	bom.Metadata = s.metadata()
	refs := s.refs()
	components := []cdx.Component{}
	for _, p := range s.Parts {
		components = append(components, p.component(refs[p.key()]))
	}
	bom.Components = &components
	bom.Dependencies = s.dependencies(refs)
	content, err := encodeBOM(bom)
	if err != nil {
		return nil, err
	}
	namespace := uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/envbuild/envbuild"))
	bom.SerialNumber = uuid.NewSHA1(namespace, content).URN()
	return encodeBOM(bom)
}

// IsSBOM reports whether a file of a package is named as a bill of materials.
func IsSBOM(name string) bool { return strings.HasSuffix(name, ".cdx.json") }

// MaxSBOM is the most that is read of one, in bytes: a thousand parts have half a
// megabyte.
const MaxSBOM = 64 << 20

func encodeBOM(bom *cdx.BOM) ([]byte, error) {
	var b bytes.Buffer
	err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return b.Bytes(), err
}

func (s Subject) metadata() *cdx.Metadata {
	c := &cdx.Component{
		BOMRef: "subject", Type: cdx.ComponentTypeApplication, Name: s.Name, Version: s.Version, Description: s.Description,
	}
	if s.Supplier != "" {
		name, rest, _ := strings.Cut(s.Supplier, " <")
		contact := []cdx.OrganizationalContact{{Name: name, Email: strings.TrimSuffix(rest, ">")}}
		c.Supplier = &cdx.OrganizationalEntity{Name: name, Contact: &contact}
	}
	return &cdx.Metadata{
		Timestamp: s.Date.UTC().Format(time.RFC3339),
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "envbuild"}}},
		Component: c,
	}
}

// refs gives each part a reference, which has to be unique: two parts can be made
// of one archive.
func (s Subject) refs() map[string]string {
	refs := map[string]string{}
	for _, p := range s.Parts {
		ref := p.PURL
		for _, other := range refs {
			if other == ref {
				ref = p.PURL + "#" + p.Name
			}
		}
		refs[p.key()] = ref
	}
	return refs
}

// key tells the part from all others.
func (p Part) key() string { return partKey(p.Language, cmp.Or(p.ID, p.Name)) }

func partKey(language, id string) string { return language + " " + id }

func (p Part) component(ref string) cdx.Component {
	c := cdx.Component{
		BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.PURL, CPE: p.CPE,
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: p.SHA256}},
		Properties: &[]cdx.Property{{Name: "envbuild:source", Value: p.Source}},
	}
	if p.Runtime {
		c.Type = cdx.ComponentTypePlatform
	}
	if p.License != "" {
		c.Licenses = &cdx.Licenses{{Expression: p.License}}
	}
	if len(p.Authors) > 0 {
		var authors []cdx.OrganizationalContact
		for _, a := range p.Authors {
			authors = append(authors, cdx.OrganizationalContact{Name: a})
		}
		c.Authors = &authors
	}
	return c
}

// dependencies is the graph. Everything needs its runtime; the subject needs all
// runtimes and what no other part needs.
func (s Subject) dependencies(refs map[string]string) *[]cdx.Dependency {
	var subject []string
	runtimes, needed := map[string]string{}, map[string]bool{}
	for _, p := range s.Parts {
		if p.Runtime {
			runtimes[p.Language] = refs[p.key()]
			subject = append(subject, refs[p.key()])
		}
		for _, id := range p.Requires {
			needed[partKey(p.Language, id)] = true
		}
	}
	var all []cdx.Dependency
	for _, p := range s.Parts {
		on := []string{}
		if !p.Runtime {
			if runtime, ok := runtimes[p.Language]; ok {
				on = append(on, runtime)
			}
			if !needed[p.key()] {
				subject = append(subject, refs[p.key()])
			}
		}
		for _, id := range p.Requires {
			if ref, ok := refs[partKey(p.Language, id)]; ok {
				on = append(on, ref)
			}
		}
		all = append(all, dependency(refs[p.key()], on))
	}
	all = append(all, dependency("subject", subject))
	slices.SortFunc(all, func(a, b cdx.Dependency) int { return strings.Compare(a.Ref, b.Ref) })
	return &all
}

func dependency(ref string, on []string) cdx.Dependency {
	slices.Sort(on)
	on = slices.Compact(on)
	return cdx.Dependency{Ref: ref, Dependencies: &on}
}
