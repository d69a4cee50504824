package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"reflect"
	"slices"

	"github.com/envbuild/envbuild/deb/repo/sign"
)

// Setup is what a repository is to be. What is empty is as it was, if there is a
// repository.
type Setup struct {
	// Name begins the names of the files for clients.
	Name string
	// URL is where clients find the repository.
	URL string
	// Settings are those of one distribution. Of one that is there, components and
	// architectures are added to, and Origin and Label must not change.
	Settings Settings
	// Contents and OnlyCompressed change the settings of the name, if not nil.
	Contents, OnlyCompressed *bool
	// Keyring makes the package that brings the keys to clients, and returns its
	// path; the distribution gets it. Nil makes none.
	Keyring func(context.Context, Keyring) (path string, err error)
}

// Keyring is what clients need to trust a repository.
type Keyring struct {
	// Name is that of the file and the package: "internal-archive-keyring".
	Name string
	// Keys are the public keys, a binary keyring.
	Keys []byte
	// Serial grows with every change of the keys.
	Serial int
}

// Init makes a repository, or a distribution in one that is there, or changes one.
// The distribution is published at once, so that clients can read it. The signers
// may be others than before: this is how keys are changed, in two steps, since one
// of them must have signed what is there. The keys that the storage remembers prove
// nothing: whoever can write there can write them.
func Init(ctx context.Context, s Storage, setup Setup, opts Options) (*Repository, error) {
	c, err := readConfig(ctx, s)
	if errors.Is(err, fs.ErrNotExist) {
		c, err = config{Format: configFormat, Name: setup.Name}, nil
	}
	if err != nil {
		return nil, err
	}
	if !validDist(setup.Settings.Distribution) {
		return nil, badDistribution(setup.Settings.Distribution)
	}
	r := newRepository(s, opts, c)
	next, err := r.nextConfig(ctx, setup)
	if err != nil {
		return nil, err
	}
	signers, err := sign.Keyring(next.Keys)
	if err != nil {
		return nil, err
	}
	var pkgs []*pkg
	if setup.Keyring != nil {
		path, err := setup.Keyring(ctx, next.keyring())
		if err != nil {
			return nil, err
		}
		if pkgs, err = readPackages(ctx, r.opts.XZ, []string{path}); err != nil {
			return nil, err
		}
	}
	newKeys := next.Serial != c.Serial
	for _, dist := range next.Distributions {
		if dist != setup.Settings.Distribution && !newKeys {
			continue
		}
		_, err := r.publish(ctx, dist, signers, func(ctx context.Context, d *draft) error {
			if newKeys {
				d.force, d.action = true, "change the keys"
			}
			if dist == setup.Settings.Distribution {
				if err := d.configure(ctx, setup); err != nil {
					return err
				}
			} else if err := d.exists(dist); err != nil {
				return err
			}
			_, err := d.add(ctx, d.settings.Components[0], pkgs)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return r, r.saveConfig(ctx, setup)
}

func (c config) keyring() Keyring {
	return Keyring{Name: c.Name + "-archive-keyring", Keys: c.Keys, Serial: c.Serial}
}

// nextConfig adds a distribution and the signers' keys to the configuration.
func (r *Repository) nextConfig(ctx context.Context, setup Setup) (config, error) {
	c := r.config
	if setup.Name != "" {
		c.Name = setup.Name
	}
	if !validName(c.Name) {
		return c, &SettingsError{"name", c.Name, "can't begin the names of files and packages", "use lower-case letters, digits, + - and ."}
	}
	if setup.URL != "" {
		c.URL = setup.URL
	}
	if u, err := url.Parse(c.URL); err != nil || u.String() != c.URL || c.URL != "" && !u.IsAbs() {
		return c, &SettingsError{"URL", c.URL, "is not a valid address", "write one as clients do: https://apt.example.org/internal"}
	}
	if d := setup.Settings.Distribution; !slices.Contains(c.Distributions, d) {
		c.Distributions = append(slices.Clone(c.Distributions), d)
	}
	signers, err := r.keyring(ctx)
	if err != nil {
		return c, err
	}
	keys, err := sign.Public(signers)
	if err != nil {
		return c, err
	}
	if !bytes.Equal(keys, c.Keys) {
		c.Keys, c.Serial = keys, c.Serial+1
	}
	return c, nil
}

// saveConfig writes the configuration, once everything it says is there.
func (r *Repository) saveConfig(ctx context.Context, setup Setup) error {
	for {
		next, err := r.nextConfig(ctx, setup)
		if err != nil {
			return err
		}
		data, err := next.encode()
		if err != nil {
			return err
		}
		if r.config.version != None && bytes.Equal(data, r.config.saved) {
			return nil
		}
		err = r.storage.Replace(ctx, configName, data, r.config.version)
		if !errors.Is(err, ErrChanged) {
			r.config = next
			return err
		}
		if r.config, err = readConfig(ctx, r.storage); err != nil {
			return err
		}
	}
}

// configure makes a distribution, or changes one.
func (d *draft) configure(ctx context.Context, setup Setup) error {
	s := setup.Settings
	setup.override(&s)
	if d.base == nil {
		if err := d.inherit(ctx, &s); err != nil {
			return err
		}
		d.settings, d.action, d.force = s, "make "+s.Distribution, true
		return s.check()
	}
	old := d.base.generation.Settings
	if s.Origin != "" && s.Origin != old.Origin {
		return &SettingsError{"origin", s.Origin, "differs from what it was: " + old.Origin, "clients refuse a change; make another repository"}
	}
	if s.Label != "" && s.Label != old.Label {
		return &SettingsError{"label", s.Label, "differs from what it was: " + old.Label, "clients refuse a change; make another repository"}
	}
	next := old
	next.Suite, next.Description = cmp.Or(s.Suite, old.Suite), cmp.Or(s.Description, old.Description)
	setup.override(&next)
	next.Components = union(old.Components, s.Components)
	next.Architectures = union(old.Architectures, s.Architectures)
	d.settings = next
	if err := next.check(); err != nil {
		return err
	}
	if !reflect.DeepEqual(old, next) {
		d.force, d.action = true, "change the settings"
	}
	return d.fill(ctx)
}

// inherit completes the settings of a new distribution by those of another, which
// one of the signers has signed too.
func (d *draft) inherit(ctx context.Context, s *Settings) error {
	if len(s.Components) == 0 {
		s.Components = []string{"main"}
	}
	for _, dist := range d.repo.config.Distributions {
		st, err := d.repo.current(ctx, dist, d.keyring)
		if err != nil {
			return err
		}
		if st != nil {
			s.Origin = cmp.Or(s.Origin, st.generation.Settings.Origin)
			s.Label = cmp.Or(s.Label, st.generation.Settings.Label)
		}
	}
	s.Label = cmp.Or(s.Label, s.Origin)
	return nil
}

func (setup Setup) override(s *Settings) {
	if setup.Contents != nil {
		s.Contents = *setup.Contents
	}
	if setup.OnlyCompressed != nil {
		s.OnlyCompressed = *setup.OnlyCompressed
	}
}

// fill gives new architectures the packages that are for all of them, and new
// Contents indexes the files of all packages.
func (d *draft) fill(ctx context.Context) error {
	for _, component := range d.settings.Components {
		known := map[key]*stanza{}
		for _, arch := range d.settings.Architectures {
			if err := d.fillIndex(ctx, component, arch, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillIndex fills one architecture's indexes. known are the packages for all
// architectures that were met in those before.
func (d *draft) fillIndex(ctx context.Context, component, arch string, known map[key]*stanza) error {
	id, files := indexID{packagesKind, component, arch}, indexID{contentsKind, component, arch}
	was := d.base.generation
	needsFiles := d.settings.Contents && was.index(files) == nil
	if was.index(id) != nil && !needsFiles && len(d.settings.Architectures) == len(was.Settings.Architectures) {
		return nil
	}
	ix, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	list, err := ix.stanzas(ctx)
	if err != nil {
		return err
	}
	if was.index(id) == nil {
		for _, s := range known {
			list = append(list, s)
		}
		slices.SortFunc(list, compareStanzas)
		for _, s := range list {
			d.change(id).add = append(d.change(id).add, item{s.print(), s.text})
		}
	}
	for _, s := range list {
		if s.arch == allArch {
			known[s.key] = s
		}
		if !needsFiles {
			continue
		}
		lines, err := d.repo.fromPool(s).contents(ctx)
		if err != nil {
			return err
		}
		d.change(files).add = append(d.change(files).add, item{s.print(), lines})
	}
	return nil
}

// union adds to a list what it lacks.
func union(list, more []string) []string {
	out := slices.Clone(list)
	for _, m := range more {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
