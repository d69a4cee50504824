// Package repo keeps an apt repository: a pool of packages, the indexes that
// clients read, signatures, and the generations that were current before.
//
// A repository lives in a Storage: a directory, a bucket, a directory on another host.
// Nothing is ever written that a client could read half: all files but a few are
// named by their content or never change, and a publication is there at once, when
// its InRelease is (Storage.Replace). Whoever is killed before that has changed
// nothing that counts.
package repo
