package lang

import "io/fs"

// Sketcher is a language that recognises projects of its own and knows what a
// first spec of one should say.
type Sketcher interface {
	// Sketch returns false for a project that isn't of the language.
	Sketch(project fs.FS) (Sketch, bool, error)
	// LooksFor names the files by which it recognises a project, for people.
	LooksFor() []string
}

// Sketch is what a first spec says.
type Sketch struct {
	// Constraint is one of runtime releases, and Because says where it comes from.
	Constraint, Because string
	// Dependencies is the ecosystem whose files the project has: its key under
	// dependencies, or empty.
	Dependencies string
	// Variables are those of the application, in order.
	Variables []SketchVariable
	// Files are patterns of files that applications of the language ship, beyond the
	// usual directories, and Exclude those that they don't ship.
	Files, Exclude []string
	// Services are the processes that the project seems to have.
	Services []SketchService
}

// SketchVariable is a variable: one value, or the directories of a search path.
type SketchVariable struct {
	Name, Value string
	Directories []string
}

// SketchService is a process.
type SketchService struct {
	Name string
	Run  []string
}
