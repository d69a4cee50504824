package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// Action records that a key led to an output.
type Action struct {
	Key    digest.Key `json:"key"`
	Output digest.ID  `json:"output"`
	// Step and Version say what was built, for people and for Duration.
	Step    string `json:"step"`
	Version string `json:"version,omitempty"`
	// Tier is the strength of the sandbox in which the step ran, greater is
	// stronger, and TierName what people call it.
	Tier     int    `json:"tier"`
	TierName string `json:"tierName,omitempty"`
	// Started and Duration are of the run that made the output.
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"durationNs"`
	// Inputs are the ingredients of the key; the store doesn't look inside.
	Inputs json.RawMessage `json:"inputs,omitempty"`
	// Libraries are the system's shared libraries that the output links.
	Libraries []string `json:"libraries,omitempty"`
}

// PutAction records the action and its duration, and returns the record that
// holds now: that of a stronger tier is never replaced by one of a weaker tier,
// as long as its output is there.
func (s *Store) PutAction(ctx context.Context, a *Action) (*Action, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	unlock, _, err := s.Lock(ctx, "action "+a.Key.String(), nil)
	if err != nil {
		return nil, err
	}
	held, err := s.LookupAction(ctx, a.Key)
	switch {
	case err == nil && held.Tier > a.Tier:
	case err == nil || errors.Is(err, ErrMissing):
		held = a
		err = s.writeUnsynced(s.entry(actionsDir, a.Key.String()), sealed(data), 0o644)
	}
	if err = errors.Join(err, unlock()); err != nil {
		return nil, err
	}
	return held, s.recordDuration(a)
}

// LookupAction returns the record of the key. It fails with ErrMissing if there
// is none, if it is malformed, or if its output isn't there whole.
func (s *Store) LookupAction(ctx context.Context, key digest.Key) (*Action, error) {
	a, err := s.RecordedAction(key)
	if err != nil {
		return nil, err
	}
	if err := s.complete(ctx, a.Output); err != nil {
		return nil, err
	}
	s.touch(s.entry(actionsDir, key.String()))
	return a, nil
}

// RecordedAction is LookupAction without a look at the output: it tells what was
// built once, even if that is gone.
func (s *Store) RecordedAction(key digest.Key) (*Action, error) {
	data, err := os.ReadFile(s.entry(actionsDir, key.String()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a := &Action{}
	data, whole := unsealed(data)
	if err != nil || !whole || json.Unmarshal(data, a) != nil || a.Key != key || a.Output.IsZero() {
		return nil, fmt.Errorf("action %s: %w", key.Short(), ErrMissing)
	}
	return a, nil
}

// sealed puts the digest of a record behind it: nothing waits until the disk has
// it, and what a power cut tore must not be believed.
func sealed(record []byte) []byte {
	return append(record, "\n"+digest.Sum(record).String()+"\n"...)
}

// unsealed returns the record, and whether it is whole. Earlier records, which were
// synced, are one line.
func unsealed(data []byte) (record []byte, whole bool) {
	record, seal, ok := bytes.Cut(data, []byte("\n"))
	return record, !ok || string(seal) == digest.Sum(record).String()+"\n"
}

// LogPath is where the log of the action is, if it ever ran.
func (s *Store) LogPath(key digest.Key) string { return s.path(logsDir, key.String()+".log") }

// CreateLog starts the log of an action, in the place of an earlier one. It is
// kept whether or not the action succeeds.
func (s *Store) CreateLog(key digest.Key) (*os.File, error) {
	path := s.LogPath(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	return f, s.explain(err)
}
