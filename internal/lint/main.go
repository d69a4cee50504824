// Lint holds rules of the house that no general linter knows: the vocabulary that
// code, messages and docs are written in, that a language is known in its own
// package only, and who may read the machine and the store. Run it at the root of the repository; it prints one line for
// each finding and exits 1 if there are any.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

func main() {
	findings, err := run()
	for _, f := range findings {
		fmt.Println(f)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	case len(findings) > 0:
		os.Exit(1)
	}
}

// run checks every file of the repository in the working directory.
func run() ([]finding, error) {
	files, err := repositoryFiles()
	if err != nil {
		return nil, err
	}
	var findings []finding
	for _, rules := range []struct {
		rules []rule
		list  string
	}{
		{vocabulary(), "internal/lint/unswept.txt"},
		{languages(), "internal/lint/languages.txt"},
		{boundaries(), "internal/lint/boundaries.txt"},
	} {
		text, err := os.ReadFile(rules.list)
		if err != nil {
			return nil, err
		}
		list, err := parseExceptions(rules.list, string(text))
		if err != nil {
			return nil, err
		}
		found, err := checkFiles(rules.rules, files)
		if err != nil {
			return nil, err
		}
		findings = append(findings, list.filter(found)...)
	}
	return findings, nil
}

// repositoryFiles lists the files that git keeps or would keep.
func repositoryFiles() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var files []string
	for name := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		files = append(files, string(name))
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// checkFiles reads each file that a rule is for once. Files that are gone from the
// working tree, and symlinks, are passed over.
func checkFiles(rules []rule, files []string) ([]finding, error) {
	var findings []finding
	for _, name := range files {
		var text []byte
		for _, r := range rules {
			if !r.covers(name) {
				continue
			}
			if text == nil {
				var err error
				if text, err = readRegular(name); err != nil {
					return nil, err
				}
			}
			findings = append(findings, r.check(name, string(text))...)
		}
	}
	return findings, nil
}

// readRegular reads a file; what isn't a regular file reads as empty.
func readRegular(name string) ([]byte, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return []byte{}, nil
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(name)
}
