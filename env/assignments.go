package env

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/envbuild/envbuild/pkgspec"
)

// Files written by hand are far below these limits. The parser recurses, and after
// each syntax error it reads the rest again.
const (
	maxShellBytes  = 128 << 10
	maxShellErrors = 20
)

// assignmentFinder gathers the assignments of a shell file and the names that it
// exports.
type assignmentFinder struct {
	found    []Found
	exported map[string]bool
	// skipped is the number of lines before the text that is being parsed.
	skipped int
}

// readFile reads the whole file. Behind a syntax error, where no shell would come, it
// goes on with the next line, and nothing is static. The parser refuses bytes that
// aren't UTF-8, which old files have in their comments.
func (f *assignmentFinder) readFile(data []byte) {
	data = bytes.ToValidUTF8(data, []byte(string(utf8.RuneError)))
	for n := 0; n < maxShellErrors && len(data) <= maxShellBytes; n++ {
		stmts, err := parseStatements(data)
		done, failed := 0, errorLine(err)
		for _, stmt := range stmts {
			done = int(stmt.End().Line())
			f.readStatement(stmt, n == 0 && (err == nil || done < failed))
		}
		if err == nil {
			return
		}
		data = f.skipLines(data, done)
		for done != failed && len(data) > 0 {
			line, _, _ := bytes.Cut(data, []byte("\n"))
			data = f.skipLines(data, 1)
			if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
				break
			}
		}
	}
}

func (f *assignmentFinder) skipLines(data []byte, n int) []byte {
	for range n {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	f.skipped += n
	return data
}

// parseStatements returns the statements up to the first syntax error. Fuzzing
// has found texts at which mvdan.cc/sh 3.14.1 panics: a here document that another
// operator follows (A=<<0&).
func parseStatements(data []byte) (stmts []*syntax.Stmt, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the shell parser panicked: %v", r)
		}
	}()
	for stmt, err := range syntax.NewParser().StmtsSeq(bytes.NewReader(data)) {
		if err != nil {
			return stmts, err
		}
		stmts = append(stmts, stmt)
	}
	return stmts, nil
}

// errorLine returns the line of a syntax error, or 0.
func errorLine(err error) int {
	var parse syntax.ParseError
	var language syntax.LangError
	switch {
	case errors.As(err, &parse):
		return int(parse.Pos.Line())
	case errors.As(err, &language):
		return int(language.Pos.Line())
	}
	return 0
}

// readStatement finds what a statement assigns. Only one that assigns and does
// nothing else is static: of others it depends on what happens whether they do.
func (f *assignmentFinder) readStatement(stmt *syntax.Stmt, static bool) {
	switch stmt.Cmd.(type) {
	case *syntax.CallExpr, *syntax.DeclClause:
		static = static && !stmt.Negated && !stmt.Background && len(stmt.Redirs) == 0
	default:
		static = false
	}
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.Subshell:
			return false
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				f.addAll(n.Assigns, static)
			}
		case *syntax.DeclClause:
			f.readDeclaration(n, static)
		case *syntax.WordIter:
			f.add(n.Name, nil, false)
		case *syntax.ParamExp:
			if n.Exp != nil && (n.Exp.Op == syntax.AssignUnset || n.Exp.Op == syntax.AssignUnsetOrNull) {
				f.add(n.Param, nil, false)
			}
		}
		return true
	})
}

// readDeclaration reads export, and declare and its kin, whose options change what
// they do.
func (f *assignmentFinder) readDeclaration(d *syntax.DeclClause, static bool) {
	exports := d.Variant.Value == "export"
	static = static && exports
	for _, a := range d.Args {
		if a.Name == nil {
			static = false
			exports = exports || a.Value != nil && strings.HasPrefix(a.Value.Lit(), "-") && strings.Contains(a.Value.Lit(), "x")
		} else if exports {
			f.exported[a.Name.Value] = true
		}
	}
	f.addAll(d.Args, static)
}

func (f *assignmentFinder) addAll(assigns []*syntax.Assign, static bool) {
	for _, a := range assigns {
		if a.Name == nil || a.Naked {
			continue
		}
		var w wordReader
		if a.Value != nil {
			w.readParts(a.Value.Parts, false)
		}
		f.add(a.Name, w.value, static && !w.dynamic && !a.Append && a.Index == nil && a.Array == nil)
	}
}

func (f *assignmentFinder) add(name *syntax.Lit, value pkgspec.Value, static bool) {
	if name != nil && isName(name.Value) {
		line := f.skipped + int(name.Pos().Line())
		f.found = append(f.found, Found{Name: name.Value, Line: line, Value: value, Static: static})
	}
}

// wordReader turns a word of the shell into a value.
type wordReader struct {
	value pkgspec.Value
	// dynamic says that only a shell can tell the value.
	dynamic bool
}

func (w *wordReader) readParts(parts []syntax.WordPart, quoted bool) {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			w.readLiteral(p.Value, quoted)
		case *syntax.SglQuoted:
			w.addText(p.Value)
			w.dynamic = w.dynamic || p.Dollar
		case *syntax.DblQuoted:
			w.readParts(p.Parts, true)
			w.dynamic = w.dynamic || p.Dollar
		case *syntax.ParamExp:
			w.readReference(p)
		default:
			w.dynamic = true
		}
	}
}

// readLiteral reads text in which a backslash escapes what follows it: between
// double quotes only the four bytes that mean something there.
func (w *wordReader) readLiteral(text string, quoted bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "\\\n"):
			i++
			continue
		case c == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("\"\\$`", text[i+1]) >= 0):
			i++
		case !quoted && strings.IndexByte("~*?[{", c) >= 0:
			w.dynamic = true // a tilde, a glob or, behind export, braces are expanded
		}
		b.WriteByte(text[i])
	}
	w.addText(b.String())
}

// addText adds text, which is unknown where it stands for bytes that aren't UTF-8.
func (w *wordReader) addText(text string) {
	w.dynamic = w.dynamic || strings.ContainsRune(text, utf8.RuneError)
	w.value = join(w.value, pkgspec.Part{Literal: text})
}

func (w *wordReader) readReference(p *syntax.ParamExp) {
	if p.Param == nil || !isName(p.Param.Value) || p.Excl || p.Length || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Names != 0 {
		w.dynamic = true
		return
	}
	ref := pkgspec.Part{Ref: p.Param.Value}
	if p.Exp != nil {
		var other wordReader
		if p.Exp.Word != nil {
			other.readParts(p.Exp.Word.Parts, false)
		}
		w.dynamic = w.dynamic || other.dynamic
		withColon := pkgspec.Value{{Literal: ":"}, ref}
		switch p.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
			w.dynamic = w.dynamic || len(other.value) > 0
		case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
			w.dynamic = w.dynamic || other.value.String() != withColon.String()
			w.value = join(w.value, withColon[0])
		default:
			w.dynamic = true
		}
	}
	w.value = join(w.value, ref)
}
