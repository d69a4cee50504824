package upload_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/deb/publish/upload"
	"github.com/envbuild/envbuild/internal/digest"
)

// product behaves as one server for packages is documented to.
type product struct {
	name string
	// options are those of the spec that docs/publishing.md shows for it, below
	// the base address.
	options func(base string) upload.Options
	env     map[string]string
	handle  func(s *server, w http.ResponseWriter, r *http.Request)
}

// server is a product that runs.
type server struct {
	product
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte // by path
	asked []string          // "METHOD path", in order
}

func start(t *testing.T, p product) *server {
	s := &server{product: p, files: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		p.handle(s, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) settings() upload.Options {
	opts := s.options(s.URL)
	opts.Name, opts.Distribution, opts.Component = "internal", "bookworm", "main"
	opts.Auth.Variables = "ENVBUILD_PUBLISH_INTERNAL"
	opts.Getenv = func(name string) string { return s.env[name] }
	return opts
}

func (s *server) Target(t *testing.T) publish.Target { return target(t, s.settings()) }

func target(t *testing.T, opts upload.Options) publish.Target {
	t.Helper()
	out, err := upload.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *server) Holds(_ *testing.T, p publish.Package) (digest.SHA256, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, b := range s.files {
		if strings.HasSuffix(name, "/"+p.File()) {
			return digest.Sum(b), true
		}
	}
	return digest.SHA256{}, false
}

// put keeps a file, and says whether there was one.
func (s *server) put(name string, b []byte, overwrite bool) (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, was = s.files[name]; !was || overwrite {
		s.files[name] = b
	}
	return was
}

func (s *server) get(w http.ResponseWriter, name string) {
	s.mu.Lock()
	b, ok := s.files[name]
	s.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(b)
}

// fill makes a template of a text with ${…}.
func fill(text string) upload.Template {
	return func(lookup func(string) string) string { return os.Expand(text, lookup) }
}

// body reads what was sent, or answers that it is not a package.
func body(w http.ResponseWriter, r io.Reader) ([]byte, bool) {
	b, err := io.ReadAll(r)
	if err != nil || !bytes.HasPrefix(b, []byte("!<arch>\n")) {
		http.Error(w, "no package", http.StatusUnsupportedMediaType)
		return nil, false
	}
	return b, true
}

// control reads what a server finds out about a package itself.
func control(b []byte) (publish.Package, error) {
	f, err := os.CreateTemp("", "upload*.deb")
	if err != nil {
		return publish.Package{}, err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return publish.Package{}, err
	}
	if err := f.Close(); err != nil {
		return publish.Package{}, err
	}
	return publish.Read(f.Name(), "")
}

func basic(r *http.Request) bool {
	name, password, ok := r.BasicAuth()
	return ok && name == "ops" && password == "s3same"
}

var login = map[string]string{"ENVBUILD_PUBLISH_INTERNAL_USER": "ops", "ENVBUILD_PUBLISH_INTERNAL_PASSWORD": "s3same"}
var token = map[string]string{"ENVBUILD_PUBLISH_INTERNAL_TOKEN": "t0ken-s3same"}

func products() []product {
	return []product{webdav(), artifactory(), nexus(), gitea(), packagecloud()}
}

// webdav is nginx or Apache with PUT: what is sent replaces what is there.
func webdav() product {
	return product{
		name: "webdav",
		options: func(base string) upload.Options {
			return upload.Options{Method: "PUT", URL: fill(base + "/apt/${distribution}/${file}")}
		},
		handle: func(s *server, w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodGet:
				s.get(w, r.URL.Path)
			case http.MethodPut:
				b, ok := body(w, r.Body)
				if !ok {
					return
				}
				if s.put(r.URL.Path, b, true) {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				w.WriteHeader(http.StatusCreated)
			}
		},
	}
}

// artifactory takes properties behind semicolons, checks the announced digest,
// and refuses to overwrite without the permission to delete.
func artifactory() product {
	return product{
		name: "artifactory", env: token,
		options: func(base string) upload.Options {
			return upload.Options{
				Method:   "PUT",
				URL:      fill(base + "/artifactory/apt-local/pool/${file};deb.distribution=${distribution};deb.component=${component};deb.architecture=${arch}"),
				Download: fill(base + "/artifactory/apt-local/pool/${file}"),
				Headers:  []upload.Field{{Name: "X-Checksum-Sha256", Value: fill("${sha256}")}},
				Auth:     upload.Auth{Kind: "header", Header: "X-JFrog-Art-Api"},
			}
		},
		handle: func(s *server, w http.ResponseWriter, r *http.Request) {
			refuse := func(code int, message string) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(code)
				fmt.Fprintf(w, `{"errors": [{"status": %d, "message": %q}]}`, code, message)
			}
			path, properties, _ := strings.Cut(r.URL.EscapedPath(), ";")
			path, _ = url.PathUnescape(path)
			if r.Header.Get("X-JFrog-Art-Api") != "t0ken-s3same" {
				refuse(http.StatusUnauthorized, "Props Authentication Token not found")
				return
			}
			if r.Method == http.MethodGet {
				s.mu.Lock()
				if b, ok := s.files[path]; ok {
					w.Header().Set("X-Checksum-Sha256", hexSum(b))
				}
				s.mu.Unlock()
				s.get(w, path)
				return
			}
			b, ok := body(w, r.Body)
			switch {
			case !ok:
			case !strings.HasPrefix(properties, "deb.distribution=bookworm;deb.component=main;deb.architecture="):
				refuse(http.StatusBadRequest, "properties "+properties)
			case r.Header.Get("X-Checksum-Sha256") != hexSum(b):
				refuse(http.StatusConflict, "Checksum error: received "+hexSum(b))
			case s.put(path, b, false):
				refuse(http.StatusForbidden, "Not enough permissions to delete/overwrite artifact '"+path+"'")
			default:
				w.WriteHeader(http.StatusCreated)
			}
		},
	}
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// nexus takes the bytes alone, and lays them down by what the package says.
func nexus() product {
	return product{
		name: "nexus", env: login,
		options: func(base string) upload.Options {
			return upload.Options{
				Method: "POST", URL: fill(base + "/repository/apt/"),
				Download: fill(base + "/repository/apt/pool/${initial}/${name}/${file}"),
				Auth:     upload.Auth{Kind: "basic"},
			}
		},
		handle: func(s *server, w http.ResponseWriter, r *http.Request) {
			switch {
			case !basic(r):
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, "<html><head><title>401 - Nexus Repository Manager</title></head></html>")
			case r.Method == http.MethodGet:
				s.get(w, r.URL.Path)
			case r.Method == http.MethodPost && r.URL.Path == "/repository/apt/":
				b, ok := body(w, r.Body)
				if !ok {
					return
				}
				p, err := control(b)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				if s.put(fmt.Sprintf("/repository/apt/pool/%c/%s/%s", p.Name[0], p.Name, p.File()), b, false) {
					http.Error(w, "Repository does not allow updating assets: apt", http.StatusBadRequest)
					return
				}
				w.WriteHeader(http.StatusCreated)
			}
		},
	}
}

// gitea, as Forgejo, has one address for uploads, a token, and no HEAD.
func gitea() product {
	const top = "/api/packages/ops/debian/pool/bookworm/main/"
	return product{
		name: "gitea", env: token,
		options: func(base string) upload.Options {
			pool := base + "/api/packages/ops/debian/pool/${distribution}/${component}/"
			return upload.Options{
				Method: "PUT", URL: fill(pool + "upload"), Download: fill(pool + "${file}"),
				Auth: upload.Auth{Kind: "header", Header: "Authorization", Scheme: "token"},
			}
		},
		handle: func(s *server, w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Authorization") != "token t0ken-s3same":
				http.Error(w, "authentication required", http.StatusUnauthorized)
			case r.Method == http.MethodGet:
				s.get(w, r.URL.Path)
			case r.Method == http.MethodPut && r.URL.Path == top+"upload":
				b, ok := body(w, r.Body)
				if !ok {
					return
				}
				p, err := control(b)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				if s.put(top+p.File(), b, false) {
					http.Error(w, "package file already exists", http.StatusConflict)
					return
				}
				w.WriteHeader(http.StatusCreated)
			default:
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		},
	}
}

// packagecloud takes a form.
func packagecloud() product {
	return product{
		name: "packagecloud", env: map[string]string{"ENVBUILD_PUBLISH_INTERNAL_USER": "t0ken-s3same"},
		options: func(base string) upload.Options {
			return upload.Options{
				Method: "POST", URL: fill(base + "/api/v1/repos/ops/apt/packages.json"),
				Download: fill(base + "/ops/apt/pool/${file}"),
				FormFile: "package[package_file]",
				Form:     []upload.Field{{Name: "package[distro_version_id]", Value: fill("215")}},
				Auth:     upload.Auth{Kind: "basic"},
			}
		},
		handle: func(s *server, w http.ResponseWriter, r *http.Request) {
			if name, password, _ := r.BasicAuth(); name != "t0ken-s3same" || password != "" {
				http.Error(w, "Unauthorized", http.StatusUnauthorized)
				return
			}
			if r.Method == http.MethodGet {
				s.get(w, r.URL.Path)
				return
			}
			if r.FormValue("package[distro_version_id]") != "215" {
				http.Error(w, `{"distro_version_id":["can't be blank"]}`, http.StatusUnprocessableEntity)
				return
			}
			f, header, err := r.FormFile("package[package_file]")
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				return
			}
			b, ok := body(w, f)
			if !ok {
				return
			}
			if s.put("/ops/apt/pool/"+filepath.Base(header.Filename), b, false) {
				http.Error(w, `{"filename":["has already been taken"]}`, http.StatusUnprocessableEntity)
				return
			}
			w.WriteHeader(http.StatusCreated)
		},
	}
}

func TestProducts(t *testing.T) {
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			publishtest.TestTarget(t, func(t *testing.T) publishtest.Server { return start(t, p) })
		})
	}
}
