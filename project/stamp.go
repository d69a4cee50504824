package project

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"syscall"

	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// stampVersion changes when a stamp comes to mean something else.
const stampVersion = "1"

// stamp says which local view a project has, and from what that was decided. As
// long as nothing of that has changed, exec asks neither for the lock's steps nor
// for their outputs, whose number then costs nothing.
type stamp struct {
	// Decided is what decide returns for Files.
	Decided digest.SHA256 `json:"decided"`
	// Files are the files of the project that the lock was made from, or would have
	// been had they been there.
	Files []string `json:"files"`
	// View names the view.
	View string `json:"view"`
	// Pinned are the variables that the spec can't replace.
	Pinned []env.Var `json:"pinned"`
}

// decide hashes all that decides which view the project has: what it is locked
// from, the lock, the machine, and this program.
func (p *Project) decide(files []string) (digest.SHA256, error) {
	h := digest.NewHasher("stamp")
	h.Field("version", stampVersion)
	h.Field("program", programIdentity())
	h.Field("machine", p.opts.System.Identity().String())
	h.Field("sandbox", p.Getenv("ENVBUILD_SANDBOX"), strconv.FormatBool(p.opts.RequireSandbox))
	// Views and the pinned variables hold the path of the store.
	h.Field("store", p.Store.ViewPath(""))
	h.Field("spec", p.Spec.Text()) // as it was read: the file may be another by now
	for _, name := range slices.Concat([]string{pkgspec.LockName}, files) {
		data, err := p.readFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			h.Field("no file", name)
			continue
		case err != nil:
			return digest.SHA256{}, err
		}
		h.Field("file", name, digest.Sum(data).String())
	}
	return h.SHA256(), nil
}

// programIdentity is another text for another build of this program: which view
// an old one would have made, only an old one knows.
func programIdentity() string {
	var st syscall.Stat_t
	if err := syscall.Stat("/proc/self/exe", &st); err != nil {
		return ""
	}
	return strconv.FormatUint(st.Ino, 10) + " " + strconv.FormatInt(st.Size, 10) + " " +
		strconv.FormatInt(st.Mtim.Nano(), 10) + " " + strconv.FormatInt(st.Ctim.Nano(), 10)
}

// stamped returns the local environment that the stamp tells of, if it holds
// still.
func (p *Project) stamped() (Local, bool) {
	data, ok := p.Store.Stamp(p.Spec.Dir)
	var s stamp
	if !ok || json.Unmarshal(data, &s) != nil {
		return Local{}, false
	}
	if now, err := p.decide(s.Files); err != nil || now != s.Decided {
		return Local{}, false
	}
	path, there := p.Store.View(s.View)
	if !there {
		return Local{}, false
	}
	l := Local{Path: path}
	var err error
	if l.Env, err = env.New(s.Pinned, p.Spec.Env); err != nil {
		return Local{}, false
	}
	return l, p.linkView(path) == nil
}

// newStamp begins the stamp of the view that the project has now. What changes
// afterwards makes it worthless, so it comes before the lock is read.
func (p *Project) newStamp() (s stamp, err error) {
	if s.Files, err = p.inputFiles(); err != nil {
		return s, err
	}
	s.Decided, err = p.decide(s.Files)
	return s, err
}

// writeStamp keeps the stamp for a view. Views that were built in a weaker tier get
// none: whether the kernel allows a stronger one by now, only asking it tells.
func (p *Project) writeStamp(s stamp, b Built) error {
	if p.boxErr != nil || p.box != nil && p.box.Tier() != sandbox.Namespaces {
		return nil
	}
	s.View = p.nameView(b)
	s.Pinned = p.PinnedVars(b, p.prefixesBelow(p.Store.ViewPath(s.View)), p.Spec.Dir)
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return p.Store.SetStamp(p.Spec.Dir, data)
}

// inputFiles names the files of the project that locking reads, or would read if
// they were there.
func (p *Project) inputFiles() ([]string, error) {
	var names []string
	_, err := p.languages.Inputs(p.Spec, func(name string) ([]byte, error) {
		names = append(names, name)
		return p.readFile(name)
	})
	return names, err
}
