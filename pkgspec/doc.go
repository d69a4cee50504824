// Package pkgspec holds the project's two documents, the spec (envbuild.yaml,
// written by a person) and the lock (envbuild.lock, written by envbuild lock):
// their types, strict parsing with positions, validation and encoding. It does
// no network access.
package pkgspec
