package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// patchedRuntime is a project that has no dependencies and no application, and
// the same perl as the sample with a patch and the next revision. Its package of
// the runtime takes the place of that which the sample was made with.
const patchedRuntime = `name: patched-perl
version: "1"
maintainer: Web Notes Team <notes@example.org>
description: a perl with a patch
runtime:
  perl: "` + testPerl + `"
  as: package
  revision: 2
  options: {patches: [site.diff]}
`

// sitePatch names itself in perl -V, as perl's own patchlevel.h asks of patches.
const sitePatch = `--- a/patchlevel.h
+++ b/patchlevel.h
@@ -158,3 +158,4 @@
 static const char * const local_patches[] = {
         NULL
+        ,"SITE-1 a patch of this site"
 #ifdef PERL_GIT_UNCOMMITTED_CHANGES
`

// startPatchedRuntime begins to build that project, which takes minutes, in the
// time that other tests leave. The client that wait returns finds it built.
func startPatchedRuntime(t *testing.T, env []string) (wait func() (client, error)) {
	t.Helper()
	c := client{dir: newDir(t), env: env, under: []string{"nice", "-n", "19"}}
	for name, text := range map[string]string{"envbuild.yaml": patchedRuntime, "site.diff": sitePatch} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.must(t, "lock")
	build := c.command("build")
	var said bytes.Buffer
	build.Stderr = &said
	if err := build.Start(); err != nil {
		t.Fatal(err)
	}
	wait = sync.OnceValues(func() (client, error) {
		if err := build.Wait(); err != nil {
			return client{}, fmt.Errorf("build the patched runtime: %w: %s", err, said.Bytes())
		}
		return client{dir: c.dir, env: env}, nil
	})
	t.Cleanup(func() {
		_ = build.Process.Signal(os.Interrupt) // unless it is done
		_, _ = wait()
	})
	return wait
}

// testRuntimeUpgrade upgrades the package of the runtime and nothing else: a
// trigger brings what runs on it to the new one.
func testRuntimeUpgrade(t *testing.T, s *aptServer, c client, patched func() (client, error), before []string) {
	c.editSpec(t, `perl: "`+testPerl+`"`, `perl: "`+testPerl+"\"\n  as: package")
	s.publish(t, c.release(t, "2.0.0")...)
	s.Run(t, "apt-get", "install", "-y", "-q", "web-notes")
	s.waitForHTTP(t)
	first := s.health(t)
	if !strings.HasPrefix(first.Executable, "/opt/envbuild-perl-") || len(first.Patches) > 0 {
		t.Fatalf("%+v answers", first)
	}
	worker := s.property(t, "web-notes-worker@1.service", "MainPID")

	defer s.journal(t, "web-notes-web")
	built, err := patched()
	if err != nil {
		t.Fatal(err)
	}
	runtime := debsOf(t, built, 2)[1]
	l := s.newLoad(t, 500)
	out := s.upgrade(t, runtime)
	l.end(t)
	if !strings.Contains(out, "Processing triggers for web-notes") || strings.Contains(out, "Setting up web-notes") {
		t.Errorf("apt says\n%s", out)
	}
	now := s.health(t)
	if !slices.Contains(now.Patches, "SITE-1 a patch of this site") || now.Executable != first.Executable || now.Base != first.Base {
		t.Errorf("after %+v came %+v", first, now)
	}
	if after := s.property(t, "web-notes-worker@1.service", "MainPID"); after == worker || after == "0" {
		t.Errorf("the worker %s became %s", worker, after)
	}
	s.Run(t, "apt-get", "purge", "-y", "-q", "--autoremove", "web-notes")
	s.expectFiles(t, before, "/var/lib/web-notes", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock")
}
