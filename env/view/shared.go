package view

import (
	"bytes"
	"os"
)

// joinShared replaces the items of shared files by one made of all versions.
func (m *merger) joinShared() error {
	for name, versions := range m.versions {
		if len(versions) < 2 || m.conflicts[name] != nil {
			continue
		}
		var union sections
		for _, it := range versions {
			text, err := os.ReadFile(it.Source)
			if err != nil {
				return err
			}
			if clash, ok := union.add(text, it); !ok {
				m.conflict(clash.from, it, "different sections ["+clash.name+"]")
			}
		}
		first := *versions[0]
		first.Source, first.Content = "", union.text()
		first.Size = int64(len(first.Content))
		m.items[name] = &first
	}
	return nil
}

// section is a piece of an INI file, from its heading to the next.
type section struct {
	name string // "" before the first heading
	body []byte // with the heading, without blank lines at the end
	from *item
}

// sections is a union of INI files in which each section is once.
type sections struct {
	list []section
	at   map[string]int
}

// add takes the sections of text in that are not there yet. It fails with the
// one that is there with another body.
func (u *sections) add(text []byte, from *item) (clash section, ok bool) {
	if u.at == nil {
		u.at = map[string]int{}
	}
	for _, s := range splitSections(text) {
		i, have := u.at[s.name]
		if !have {
			s.from = from
			u.insert(s)
			continue
		}
		if !bytes.Equal(u.list[i].body, s.body) {
			return section{name: s.name, from: u.list[i].from}, false
		}
	}
	return section{}, true
}

// insert puts a section at the end; the one without a name, which behind
// another would belong to that, at the beginning.
func (u *sections) insert(s section) {
	u.list = append(u.list, s)
	if s.name == "" {
		u.list = append([]section{s}, u.list[:len(u.list)-1]...)
	}
	for i, s := range u.list {
		u.at[s.name] = i
	}
}

// text returns the file, its sections parted by a blank line.
func (u *sections) text() []byte {
	var out []byte
	for _, s := range u.list {
		if len(out) > 0 {
			out = append(out, '\n')
		}
		out = append(append(out, s.body...), '\n')
	}
	return out
}

// splitSections cuts an INI file at its headings. What stands before the first
// is a section without a name, left out if it is blank.
func splitSections(text []byte) (out []section) {
	var cur section
	flush := func() {
		cur.body = bytes.TrimSpace(cur.body)
		if cur.name != "" || len(cur.body) > 0 {
			out = append(out, cur)
		}
	}
	for line := range bytes.Lines(text) {
		if name, ok := heading(line); ok {
			flush()
			cur = section{name: name}
		}
		cur.body = append(cur.body, line...)
	}
	flush()
	return out
}

func heading(line []byte) (string, bool) {
	line = bytes.TrimSpace(line)
	if len(line) < 3 || line[0] != '[' || line[len(line)-1] != ']' {
		return "", false
	}
	return string(line[1 : len(line)-1]), true
}
