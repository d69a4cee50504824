package pkgspec

import "path/filepath"

// Parse reads a spec. file is its path, for errors and for Spec.Dir; it is not
// opened. The languages are those that the spec may have. The error is an Errors
// with all that was found.
func Parse(file string, data []byte, languages ...Language) (*Spec, error) {
	doc, errs := readYAML(file, data)
	if len(errs) > 0 {
		return nil, errs
	}
	d := &decoder{doc: doc}
	spec, ok := specShape(languages).read(d, doc.root, "")
	if ok {
		spec.File, spec.Dir, spec.doc = file, filepath.Dir(file), doc
		spec.finish(d, languages)
	}
	if len(d.errs) > 0 {
		return nil, d.errs.sorted()
	}
	return &spec, nil
}

// ErrorAt returns an error at the place of the value at a path of keys, or of the
// part of the path that the spec has: for what only others can find wrong with
// the spec. A list's elements are named "0", "1", ….
func (s *Spec) ErrorAt(message, hint string, path ...string) *Error {
	if s.doc == nil {
		return &Error{File: s.File, Message: message, hint: hint}
	}
	if len(path) == 0 {
		return s.doc.errorAt(0, 0, message, hint)
	}
	n := s.doc.find(path)
	return s.doc.errorAt(n.Line, n.Col, message, hint)
}
