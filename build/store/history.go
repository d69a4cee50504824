package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// lastKeys is the file last/<hash of the project>.
type lastKeys struct {
	Project string                           `json:"project"`
	Targets map[string]map[string]digest.Key `json:"targets,omitempty"`
	// Steps are what files had before there were targets, by name.
	Steps map[string]digest.Key `json:"steps,omitempty"`
}

// LastKeys returns the keys that the project's steps had when they were last built
// for a target, by ID; "which input changed" starts from them and RecordedAction.
// The project is named by its directory. What can't be read counts as never built.
func (s *Store) LastKeys(project, target string) map[string]digest.Key {
	last := s.readLastKeys(project)
	keys, ok := last.Targets[target]
	if !ok {
		keys = last.Steps
	}
	if keys == nil {
		return map[string]digest.Key{}
	}
	return keys
}

func (s *Store) readLastKeys(project string) lastKeys {
	var last lastKeys
	data, err := os.ReadFile(s.lastPath(project))
	if err != nil || json.Unmarshal(data, &last) != nil || last.Project != project {
		return lastKeys{Project: project}
	}
	return last
}

// SetLastKeys notes the keys of the project's steps for a target, in the place of
// those from before. Of two processes that do so at once, one may lose.
func (s *Store) SetLastKeys(project, target string, keys map[string]digest.Key) error {
	last := s.readLastKeys(project)
	if last.Targets == nil {
		last.Targets = map[string]map[string]digest.Key{}
	}
	last.Targets[target] = keys
	data, err := json.Marshal(last)
	if err != nil {
		return err
	}
	return s.write(s.lastPath(project), data, 0o644)
}

func (s *Store) lastPath(project string) string {
	return s.path(lastDir, digest.Sum([]byte(project)).String())
}

// stepVersion names what a duration is of.
type stepVersion struct{ step, version string }

// maxDurationLog is the size in bytes from which the file of durations is
// rewritten with the last line of each step only. 500 steps take about 20 kB.
const maxDurationLog = 256 << 10

// Duration returns how long the step took when it last ran, in any version if
// this one never did, or 0.
func (s *Store) Duration(step, version string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.durations == nil {
		s.durations = s.readDurations()
	}
	if d, ok := s.durations[stepVersion{step, version}]; ok {
		return d
	}
	return s.durations[stepVersion{step, ""}]
}

// readDurations leaves out lines that make no sense, such as one that a killed
// process began.
func (s *Store) readDurations() map[stepVersion]time.Duration {
	out := map[stepVersion]time.Duration{}
	data, err := os.ReadFile(s.path(durationFile))
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(data)) {
		if v, d, ok := parseDuration(line); ok {
			out[v] = d
			out[stepVersion{v.step, ""}] = d
		}
	}
	return out
}

// parseDuration reads "STEP VERSION MILLISECONDS\n", the names quoted.
func parseDuration(line string) (v stepVersion, d time.Duration, ok bool) {
	rest, ok := strings.CutSuffix(line, "\n")
	if !ok {
		return v, 0, false
	}
	for _, name := range []*string{&v.step, &v.version} {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return v, 0, false
		}
		if *name, err = strconv.Unquote(quoted); err != nil {
			return v, 0, false
		}
		if rest, ok = strings.CutPrefix(rest[len(quoted):], " "); !ok {
			return v, 0, false
		}
	}
	ms, err := strconv.ParseUint(rest, 10, 40)
	return v, time.Duration(ms) * time.Millisecond, err == nil
}

func formatDuration(v stepVersion, d time.Duration) string {
	return fmt.Sprintf("%q %q %d\n", v.step, v.version, max(0, d.Milliseconds()))
}

// recordDuration appends a line; a write this short to a file opened for
// appending is whole or not there.
func (s *Store) recordDuration(a *Action) error {
	v := stepVersion{a.Step, a.Version}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.durations != nil {
		s.durations[v], s.durations[stepVersion{v.step, ""}] = a.Duration, a.Duration
	}
	f, err := os.OpenFile(s.path(durationFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return s.explain(err)
	}
	_, err = f.WriteString(formatDuration(v, a.Duration))
	fi, serr := f.Stat()
	if err = errors.Join(err, serr, f.Close()); err != nil {
		return s.explain(err)
	}
	if fi.Size() > maxDurationLog {
		return s.compactDurations()
	}
	return nil
}

// compactDurations keeps the last line of each step and version, the one for any
// version last. What another process appends meanwhile is lost, which costs a
// guess.
func (s *Store) compactDurations() error {
	all := s.readDurations()
	keys := slices.SortedFunc(maps.Keys(all), func(a, b stepVersion) int {
		return cmp.Or(strings.Compare(a.step, b.step), -strings.Compare(a.version, b.version))
	})
	var b bytes.Buffer
	for _, v := range keys {
		b.WriteString(formatDuration(v, all[v]))
	}
	return s.write(s.path(durationFile), b.Bytes(), 0o644)
}

// Fact returns something small that was computed from content before, such as
// the shared libraries that an output links. A damaged fact isn't there.
func (s *Store) Fact(kind string, d digest.SHA256) (data []byte, ok bool) {
	path := s.factPath(kind, d)
	data, err := os.ReadFile(path)
	if err != nil || len(data) < len(d) {
		return nil, false
	}
	sum, data := data[:len(d)], data[len(d):]
	if digest.SHA256(sum) != digest.Sum(data) {
		return nil, false
	}
	s.touch(path)
	return data, true
}

// PutFact keeps data, which must depend on nothing but the kind and the digest.
// The kind is a word of lower-case letters, digits and hyphens.
func (s *Store) PutFact(kind string, d digest.SHA256, data []byte) error {
	if strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || kind == "" {
		return fmt.Errorf("%q is not a valid kind of facts: %w", kind, fs.ErrInvalid)
	}
	sum := digest.Sum(data)
	return s.writeUnsynced(s.factPath(kind, d), append(sum[:], data...), 0o644)
}

func (s *Store) factPath(kind string, d digest.SHA256) string {
	name := d.String()
	return s.path(factsDir, kind, name[:2], name)
}
