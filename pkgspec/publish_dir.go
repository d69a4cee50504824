package pkgspec

// DirTarget is a repository in a directory, relative to the spec's.
type DirTarget string

// Kind implements PublishPlace.
func (DirTarget) Kind() string { return "dir" }

func dirKind() publishKind {
	return publishKind{key: place("dir", dirShape(), "A repository in a directory, relative to the spec's.", `dir: /srv/apt`)}
}

func dirShape() shape[DirTarget] {
	s := text()
	return shape[DirTarget]{schema: s.schema, read: func(d *decoder, n *Node, at string) (DirTarget, bool) {
		v, ok := s.read(d, n, at)
		return DirTarget(v), ok
	}}
}
