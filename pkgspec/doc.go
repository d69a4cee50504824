// Package pkgspec holds the project's two documents, the spec (envbuild.yaml,
// written by a person) and the lock (envbuild.lock, written by envbuild lock):
// their types, strict parsing with positions, validation and encoding. It does
// no network access.
//
// The spec's format is declared once, in format*.go. Values of the environment
// are typed when they are read: ${NAME} refers to an earlier variable or to one
// of BuiltinRefs, $$ is a dollar, and any other dollar is an error. So nothing
// behind this package ever looks for references in a string.
package pkgspec
