package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// Memory keeps records, last keys, durations and facts in memory, of outputs that
// another store keeps: tests of an engine need no disk for them, and an engine
// that works with it relies on nothing but the interfaces.
type Memory struct {
	outputs interface {
		Output(ctx context.Context, id digest.ID) (*store.Output, error)
	}

	mu        sync.Mutex
	actions   map[digest.Key]store.Action
	last      map[[2]string]map[string]digest.Key
	durations map[[2]string]time.Duration
	facts     map[string][]byte
	synced    int
}

// NewMemory returns an empty one beside the outputs.
func NewMemory(outputs Outputs) *Memory {
	return &Memory{
		outputs: outputs, actions: map[digest.Key]store.Action{}, last: map[[2]string]map[string]digest.Key{},
		durations: map[[2]string]time.Duration{}, facts: map[string][]byte{},
	}
}

// PutAction is the store's.
func (m *Memory) PutAction(ctx context.Context, a *store.Action) (*store.Action, error) {
	held, err := m.LookupAction(ctx, a.Key)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durations[[2]string{a.Step, a.Version}] = a.Duration
	m.durations[[2]string{a.Step, ""}] = a.Duration
	if err == nil && held.Tier > a.Tier {
		return held, nil
	}
	m.actions[a.Key] = *a
	return a, nil
}

// LookupAction is the store's.
func (m *Memory) LookupAction(ctx context.Context, key digest.Key) (*store.Action, error) {
	a, err := m.RecordedAction(key)
	if err != nil {
		return nil, err
	}
	if _, err := m.outputs.Output(ctx, a.Output); err != nil {
		return nil, err
	}
	return a, nil
}

// RecordedAction is the store's.
func (m *Memory) RecordedAction(key digest.Key) (*store.Action, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.actions[key]
	if !ok {
		return nil, fmt.Errorf("action %s: %w", key.Short(), store.ErrMissing)
	}
	return &a, nil
}

// Sync counts.
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.synced++
	return nil
}

// Synced returns how often Sync was called.
func (m *Memory) Synced() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced
}

// LastKeys is the store's.
func (m *Memory) LastKeys(project, target string) map[string]digest.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := map[string]digest.Key{}
	maps.Copy(keys, m.last[[2]string{project, target}])
	return keys
}

// SetLastKeys is the store's.
func (m *Memory) SetLastKeys(project, target string, keys map[string]digest.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last[[2]string{project, target}] = maps.Clone(keys)
	return nil
}

// Duration is the store's.
func (m *Memory) Duration(step, version string) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.durations[[2]string{step, version}]; ok {
		return d
	}
	return m.durations[[2]string{step, ""}]
}

// Fact is the store's.
func (m *Memory) Fact(kind string, of digest.SHA256) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.facts[kind+" "+of.String()]
	return slices.Clone(data), ok
}

// PutFact is the store's.
func (m *Memory) PutFact(kind string, of digest.SHA256, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts[kind+" "+of.String()] = slices.Clone(data)
	return nil
}
