package store

import (
	"context"
	"errors"

	"github.com/envbuild/envbuild/internal/digest"
)

// Verification is what VerifyAll found.
type Verification struct {
	// Checked counts the sources, outputs, parts and records.
	Checked int
	// Damaged says of each damaged entry what is wrong. They have been dropped.
	Damaged []error
}

// VerifyAll hashes everything again and drops what is damaged. The error says
// that it could not finish.
func (s *Store) VerifyAll(ctx context.Context) (*Verification, error) {
	items, err := s.items(ctx)
	if err != nil {
		return nil, err
	}
	v := &Verification{}
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		checked, err := s.verifyItem(ctx, it)
		if checked {
			v.Checked++
		}
		var corrupt *CorruptError
		switch {
		case errors.As(err, &corrupt):
			v.Damaged = append(v.Damaged, err)
			if err := s.remove(it); err != nil {
				return v, err
			}
		case errors.Is(err, ErrMissing): // another process removed it
		case err != nil:
			return v, err
		}
	}
	return v, nil
}

func (s *Store) verifyItem(ctx context.Context, it item) (checked bool, err error) {
	switch it.kind {
	case Sources:
		d, err := digest.Parse(it.name)
		if err != nil {
			return true, &CorruptError{Entry: "source " + it.name, Problem: err.Error()}
		}
		return true, s.verifySource(d)
	case Outputs:
		id, err := digest.ParseID(it.name)
		if err != nil {
			return true, &CorruptError{Entry: "output " + it.name, Problem: err.Error()}
		}
		return true, s.Verify(ctx, id)
	case Parts:
		key, err := digest.ParseKey(it.name)
		if err != nil {
			return true, &CorruptError{Entry: "part " + it.name, Problem: err.Error()}
		}
		_, err = s.readPart(key)
		return true, err
	case Actions:
		key, err := digest.ParseKey(it.name)
		if err == nil {
			_, err = s.RecordedAction(key)
		}
		if err != nil {
			return true, &CorruptError{Entry: "action " + it.name, Problem: "malformed record"}
		}
	}
	return false, nil
}
