package repo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"reflect"
	"slices"

	"github.com/envbuild/envbuild/deb/debversion"
	"github.com/envbuild/envbuild/deb/repo/sign"
)

// Setup is what a repository is to be.
type Setup struct {
	// Name begins the names of the files for clients. It stays what it was if empty.
	Name string
	// URL is where clients find the repository; it stays what it was if empty.
	URL string
	// Settings are those of one distribution. Of one that is there, components and
	// architectures are added to, and Origin and Label must not change.
	Settings Settings
}

// Init makes a repository, or a distribution in one that is there, or changes one.
// The distribution is published, empty at first, so that clients can read it. The
// signers may be others than before: this is how keys are changed.
func Init(ctx context.Context, s Storage, setup Setup, opts Options) (*Repository, error) {
	if err := setup.Settings.check(); err != nil {
		return nil, err
	}
	c, err := readConfig(ctx, s)
	if errors.Is(err, fs.ErrNotExist) {
		c, err = config{Format: configFormat, Name: setup.Name}, nil
	}
	if err != nil {
		return nil, err
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
	known, err := sign.Keyring(c.Keys)
	if err != nil {
		return nil, &StateError{configName, err}
	}
	for _, dist := range next.Distributions {
		isNew := dist == setup.Settings.Distribution
		if !isNew && next.Serial == c.Serial {
			continue
		}
		_, err := r.publish(ctx, dist, slices.Concat(signers, known), func(ctx context.Context, d *draft) error {
			if isNew {
				return d.configure(ctx, setup.Settings, next.Serial != c.Serial)
			}
			d.force, d.action = true, "change the keys"
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return r, r.saveConfig(ctx, setup)
}

// nextConfig adds a distribution and the signers' keys to the configuration.
func (r *Repository) nextConfig(ctx context.Context, setup Setup) (config, error) {
	c := r.config
	if setup.Name != "" {
		c.Name = setup.Name
	}
	if !validName(c.Name) {
		return c, &SettingsError{"name", c.Name, "is no name for files and packages", "use lower-case letters, digits, + - and ."}
	}
	if setup.URL != "" {
		c.URL = setup.URL
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
func (d *draft) configure(ctx context.Context, s Settings, newKeys bool) error {
	if d.base == nil {
		d.settings, d.action, d.force = s, "make "+s.Distribution, true
		return nil
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
	next.Contents, next.OnlyCompressed = s.Contents || old.Contents, s.OnlyCompressed
	next.Components = union(old.Components, s.Components)
	next.Architectures = union(old.Architectures, s.Architectures)
	d.settings = next
	if err := next.check(); err != nil {
		return err
	}
	d.force = newKeys || !reflect.DeepEqual(old, next)
	d.action = "change the settings"
	return d.fill(ctx)
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

func compareStanzas(a, b *stanza) int {
	return cmp.Or(cmp.Compare(a.name, b.name), debversion.Compare(a.version, b.version), cmp.Compare(a.version, b.version),
		cmp.Compare(a.arch, b.arch))
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
