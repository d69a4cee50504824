package perl

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

func TestQuoteShell(t *testing.T) {
	for _, s := range []string{"", "plain", "it's", `a "b" $HOME $(id) \ ` + "`id`", "new\nline", "-n", "ü"} {
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+quoteShell(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q came out of the shell as %q (%v)", s, out, err)
		}
	}
}

func TestRenderRecipe(t *testing.T) {
	script := renderRecipe("printf '%s|' \"$a\" \"$@\"\n", []parameter{{"a", "it's"}}, []string{"-Dx=a b", ""})
	out, err := exec.Command("/bin/sh", "-euc", script).Output()
	if want := "it's|-Dx=a b||"; err != nil || string(out) != want {
		t.Errorf("got %q (%v), want %q", out, err, want)
	}
}

// TestRecipesAreSound has the recipes read by those who know their languages.
func TestRecipesAreSound(t *testing.T) {
	for _, check := range [][]string{
		{"dash", "-n", "recipes/runtime.sh"},
		{"dash", "-n", "recipes/distribution.sh"},
		{"shellcheck", "recipes/runtime.sh", "recipes/distribution.sh"},
		{"perl", "-cw", "recipes/static.pl"},
	} {
		t.Run(strings.Join(check, " "), func(t *testing.T) {
			skiptest.Without(t, check[0])
			if out, err := exec.Command(check[0], check[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// handmadeBuild is a Build.PL that needs no Module::Build: what the recipe relies
// on is the protocol.
const handmadeBuild = `open my $f, '>', 'Build' or die;
print {$f} <<'END';
use ExtUtils::Install; use File::Copy; use File::Path;
my ($base) = $ENV{PERL_MB_OPT} =~ /--install_base (\S+)/;
if (!@ARGV) { mkpath 'blib/lib'; copy('lib/Foo.pm', 'blib/lib/Foo.pm') or die $! }
else { install({ 'blib/lib' => "$base/lib/perl5" }) }
END
`

const makefilePL = `use ExtUtils::MakeMaker;
WriteMakefile(NAME => 'Foo', VERSION => '1.0', EXE_FILES => ['script/foo'], PREREQ_PM => { Carp => 0 });
`

const module = "package Foo;\nour $VERSION = '1.0';\n1;\n"

// TestDistributionRecipe builds small distributions of every style for real, with
// the machine's perl.
func TestDistributionRecipe(t *testing.T) {
	records := []string{"lib/perl5/ARCH/.meta/Foo-1.0/MYMETA.json", "lib/perl5/ARCH/.meta/Foo-1.0/install.json"}
	for _, test := range []struct {
		name  string
		top   string
		files map[string]string
		// want are the files below the bundle, or fails is in the log.
		want  []string
		fails string
	}{
		{
			name: "MakeMaker", top: "Foo-1.0/",
			files: map[string]string{
				"Makefile.PL": makefilePL, "lib/Foo.pm": module, "script/foo": "#!/usr/bin/perl -w\nprint 1\n",
				"META.yml": "---\nx_use_unsafe_inc: 0\n",
			},
			want: append([]string{"bin/foo", "lib/perl5/Foo.pm"}, records...),
		}, {
			name: "Build.PL comes first", top: "some other name/",
			files: map[string]string{"Build.PL": handmadeBuild, "Makefile.PL": "die", "lib/Foo.pm": module},
			want:  []string{"lib/perl5/ARCH/.meta/Foo-1.0/install.json", "lib/perl5/Foo.pm"},
		}, {
			name: "Makefile.PL is tried next", top: "",
			files: map[string]string{"Build.PL": "exit 0", "Makefile.PL": makefilePL, "lib/Foo.pm": module, "script/foo": "#!perl\n"},
			want:  append([]string{"bin/foo", "lib/perl5/Foo.pm"}, records...),
		}, {
			name: "static", top: "./Foo-1.0/",
			files: map[string]string{
				"META.json":  "{\n   \"x_static_install\" : \"1\"\n}\n",
				"lib/Foo.pm": module, "lib/Foo/Bar.pod": "=pod\n", "lib/Foo/README": "",
				"script/foo": "#!/usr/bin/env perl\nprint 1\n", "share/a/b.txt": "x", "module-share/Foo/c": "y",
				"Makefile.PL": "die",
			},
			want: append([]string{
				"bin/foo", "lib/perl5/Foo.pm", "lib/perl5/Foo/Bar.pod",
				"lib/perl5/auto/share/dist/Foo/a/b.txt", "lib/perl5/auto/share/module/Foo/c",
			}, records...),
		}, {
			name: "configuring fails silently", top: "Foo-1.0/",
			files: map[string]string{"Makefile.PL": "print qq{no foo.h\n}; exit 0"},
			fails: "Foo-1.0 was not configured",
		}, {
			name: "nothing to configure", top: "Foo-1.0/",
			files: map[string]string{"META.yml": "---\nname: Foo\n"},
			fails: "has no Makefile.PL and no Build.PL",
		}, {
			name: "no distribution", top: "Foo-1.0/",
			files: map[string]string{"README": ""},
			fails: "contains no Makefile.PL",
		}, {
			name: "META denies the current directory", top: "Foo-1.0/",
			files: map[string]string{"META.yml": "---\nx_use_unsafe_inc: '0'\n", "Makefile.PL": "die qq{unsafe $ENV{PERL_USE_UNSAFE_INC}\n}"},
			fails: "unsafe 0",
		}, {
			name: "META says nothing of the current directory", top: "Foo-1.0/",
			files: map[string]string{"META.yml": "---\nname: Foo\n", "Makefile.PL": "die qq{unsafe $ENV{PERL_USE_UNSAFE_INC}\n}"},
			fails: "unsafe 1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			bundle, arch, log, err := runDistribution(t, targz(t, test.top, test.files))
			if test.fails != "" {
				if err == nil || !strings.Contains(log, test.fails) {
					t.Errorf("want a failure with %q, got %v\n%s", test.fails, err, log)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			got := listFiles(t, bundle, arch)
			if want := slices.Sorted(slices.Values(test.want)); !slices.Equal(got, want) {
				t.Errorf("installed\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), log)
			}
			checkProgram(t, filepath.Join(bundle, "bin/foo"))
		})
	}
}

// checkProgram expects an installed program, if there is one, to name the perl
// that it was installed for.
func checkProgram(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if !strings.HasPrefix(line, "#!/") || strings.Contains(line, "env") || !strings.Contains(line, "/perl") {
		t.Errorf("the program begins with %q", line)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o555 {
		t.Errorf("the program's mode is %v (%v)", fi.Mode(), err)
	}
}

// runDistribution runs the recipe on an archive with the machine's perl.
func runDistribution(t *testing.T, archive []byte) (bundle, arch, log string, err error) {
	t.Helper()
	skiptest.Without(t, "perl")
	out, err := exec.Command("perl", "-MConfig", "-e", "print $Config{archname}").Output()
	if err != nil {
		t.Fatal(err)
	}
	arch = string(out)
	runtime, work := t.TempDir(), t.TempDir()
	bundle = filepath.Join(t.TempDir(), "bundle")
	for name, content := range map[string]string{
		filepath.Join(runtime, "lib/perl5/5.0.0", arch, "Config_heavy.pl"): "",
		filepath.Join(work, "Foo-1.0.tar.gz"):                              string(archive),
		filepath.Join(work, "install.json"):                                "{}",
		filepath.Join(work, "static.pl"):                                   staticInstaller,
	} {
		writeFile(t, name, content)
	}
	script := renderRecipe(distributionRecipe, []parameter{
		{"name", "Foo"}, {"distvname", "Foo-1.0"}, {"archive", "Foo-1.0.tar.gz"},
		{"runtime", runtime}, {"bundle", bundle},
	}, nil)
	cmd := exec.Command("/bin/sh", "-euc", script)
	cmd.Dir = work
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	for _, v := range distributionEnv() {
		if v.Name != "PATH" {
			cmd.Env = append(cmd.Env, v.Name+"="+strings.ReplaceAll(v.Value, bundlePrefix, bundle))
		}
	}
	data, err := cmd.CombinedOutput()
	return bundle, arch, string(data), err
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// listFiles lists the files below a directory, with ARCH for the architecture's name.
func listFiles(t *testing.T, dir, arch string) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.ReplaceAll(name, arch, "ARCH"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func targz(t *testing.T, top string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: top + name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
