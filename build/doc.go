// Package build runs a graph of steps: it finds what the store has, brings the
// sources of the rest, runs each step in a sandbox with its closure and nothing
// else, and keeps what it added. It reports everything as events.
package build
