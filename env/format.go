package env

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"

	"github.com/envbuild/envbuild/templates"
)

// Format is a way to write an environment for other programs. All but Sh hold
// final values.
type Format string

// The formats.
const (
	// Sh is the shell file that RC gives.
	Sh Format = "sh"
	// JSON is one object, name to string; null for a variable to be removed.
	JSON Format = "json"
	// Dotenv is read back unchanged by godotenv, and where a shell sources it
	// nothing in it runs.
	Dotenv Format = "dotenv"
	// Systemd is an EnvironmentFile. systemd before 248 drops values with control
	// characters other than tab and line feed.
	Systemd Format = "systemd"
	// GitHub is what a step of GitHub Actions appends to $GITHUB_ENV. PATH is in it
	// like any other variable: the runner takes it from there.
	GitHub Format = "github"
)

// Formats lists the formats.
func Formats() []Format { return []Format{Sh, JSON, Dotenv, Systemd, GitHub} }

// Encode writes assignments in a format other than Sh. Systemd and Dotenv start
// from nothing, so what is to be removed is left out. A value that the format
// can't carry is a *ValueError.
func Encode(format Format, list []Assignment) ([]byte, error) {
	for _, a := range list {
		if err := checkName(a.Name); err != nil {
			return nil, err
		}
		if err := checkValue(a.Name, a.Value); err != nil {
			return nil, err
		}
	}
	switch format {
	case JSON:
		return encodeJSON(list)
	case Dotenv:
		return encodeLines(list, true, dotenvLine)
	case Systemd:
		return encodeLines(list, true, systemdLine)
	case GitHub:
		return encodeLines(list, false, githubLine)
	}
	return nil, fmt.Errorf("no encoding %q for final values", format)
}

func encodeLines(list []Assignment, comment bool, line func(Assignment) (string, error)) ([]byte, error) {
	var b bytes.Buffer
	if comment {
		fmt.Fprintf(&b, "# %s\n", templates.Mark)
	}
	for _, a := range list {
		s, err := line(a)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.Bytes(), nil
}

func encodeJSON(list []Assignment) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteString("{")
	for i, a := range list {
		if !utf8.ValidString(a.Value) {
			return nil, &ValueError{a.Name, JSON, "the value is not UTF-8"}
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n  %q: ", a.Name)
		var value any = a.Value
		if a.Unset {
			value = nil
		}
		if err := enc.Encode(value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // the line feed that Encode adds
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

func systemdLine(a Assignment) (string, error) {
	if a.Unset {
		return "", nil
	}
	// systemd ignores the whole file otherwise.
	if !utf8.ValidString(a.Value) {
		return "", &ValueError{a.Name, Systemd, "the value is not UTF-8"}
	}
	return a.Name + "=" + quote(a.Value) + "\n", nil
}

// githubLine writes a here-document whose delimiter follows from the value, so
// that nobody can write a value that ends it.
func githubLine(a Assignment) (string, error) {
	switch {
	case a.Unset:
		return "", &ValueError{a.Name, GitHub, "it is to be removed, and a job's variable can't be"}
	case !utf8.ValidString(a.Value):
		return "", &ValueError{a.Name, GitHub, "the value is not UTF-8"}
	case strings.EqualFold(a.Name, "NODE_OPTIONS"), strings.HasPrefix(a.Name, "GITHUB_"), strings.HasPrefix(a.Name, "RUNNER_"):
		return "", &ValueError{a.Name, GitHub, "the runner keeps that name"}
	}
	end := fmt.Sprintf("envbuild_%x", sha256.Sum256([]byte(a.Value)))
	return a.Name + "<<" + end + "\n" + a.Value + "\n" + end + "\n", nil
}

// dotenvLine takes the first of the forms that godotenv reads back unchanged.
// Between quotes godotenv, unlike others, can't end in a backslash; and what it
// unescapes between double quotes others keep: so those come last.
func dotenvLine(a Assignment) (string, error) {
	if a.Unset {
		return "", nil
	}
	for _, form := range dotenvForms(a.Value) {
		line := a.Name + "=" + form + "\n"
		read, err := godotenv.Unmarshal(line)
		if value, ok := read[a.Name]; err == nil && ok && value == a.Value && len(read) == 1 {
			return line, nil
		}
	}
	return "", &ValueError{a.Name, Dotenv, "no way of quoting leaves the value unchanged"}
}

func dotenvForms(value string) []string {
	var forms []string
	if strings.Trim(value, plain) == "" {
		forms = append(forms, value)
	}
	if !strings.Contains(value, "'") {
		forms = append(forms, "'"+value+"'")
	}
	line := strings.NewReplacer("\n", `\n`, "\r", `\r`)
	return append(forms, quote(value), line.Replace(quote(value)))
}

// plain are the bytes that mean themselves to every reader without quotes.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,-"
