package unpack

import "fmt"

// EntryError says that an archive has an entry that it must not have.
type EntryError struct {
	Path    string // as the archive has it
	Problem string
}

func (e *EntryError) Error() string {
	return fmt.Sprintf("the archive's entry %q: %s", e.Path, e.Problem)
}

// Hint says what to think of that.
func (e *EntryError) Hint() string {
	return "no tool that makes packages writes such an archive: look at who published it before you use it"
}

// LimitError says that an archive would make more than is allowed.
type LimitError struct{ What string }

func (e *LimitError) Error() string { return "the archive holds more than " + e.What }

// Hint says what to think of that.
func (e *LimitError) Hint() string {
	return "an archive that grows without end may be an attack; if it is what you want, make it smaller"
}
