// Package deploy decides what stands where on a server. It lays out a package's
// prefix, makes one tree of the dependencies, the application and what envbuild
// generates, and wraps that tree as packages or as a tarball. The tree is made
// once and then only read: what is written, what the health check looks at and
// what is compressed ahead are the same entries.
//
// NewTree is a function of plain values, so that a layout is tested without
// building anything. Debs and Tarball have the steps from a project to the file,
// in their order.
package deploy
