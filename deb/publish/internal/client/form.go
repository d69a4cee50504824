package client

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// debType is the registered type of Debian packages.
const debType = "application/vnd.debian.binary-package"

// File is a body that holds a package's file, which has been read before.
func File(path string, size int64, sum digest.SHA256) *Body {
	return &Body{Size: size, Type: debType, Open: func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return &sameFile{File: f, size: size, sum: sum, digest: digest.NewWriter(io.Discard)}, nil
	}}
}

// sameFile reads a file to its end only if it is still what it was: the last
// piece is held back otherwise, so that no server gets a whole body that is
// another.
type sameFile struct {
	*os.File
	size   int64
	sum    digest.SHA256
	digest *digest.Writer
}

// ChangedError says that a file was changed while it was sent.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string { return e.Path + " was changed while it was sent" }

func (f *sameFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	_, _ = f.digest.Write(b[:n]) // it discards
	switch left := f.size - f.digest.Size(); {
	case left < 0, left == 0 && f.digest.SHA256() != f.sum, left > 0 && errors.Is(err, io.EOF):
		return 0, &ChangedError{f.Name()}
	}
	return n, err
}

// FormField is a part of a form that is not a file.
type FormField struct{ Name, Value string }

// Form puts a file between the fields of a form. Its size is known, since many
// servers take no chunked uploads. Names hold no quotes and no line breaks. The
// boundary must not be in what is sent: a digest of it does.
func Form(boundary string, fields []FormField, fileField, fileName string, file *Body) *Body {
	var head strings.Builder
	part := func(lines ...string) {
		head.WriteString("--" + boundary + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n")
	}
	for _, f := range fields {
		part(`Content-Disposition: form-data; name="` + f.Name + `"`)
		head.WriteString(f.Value + "\r\n")
	}
	part(`Content-Disposition: form-data; name="`+fileField+`"; filename="`+fileName+`"`, "Content-Type: "+file.Type)
	tail := "\r\n--" + boundary + "--\r\n"
	return &Body{
		Size: int64(head.Len()) + file.Size + int64(len(tail)),
		Type: "multipart/form-data; boundary=" + boundary,
		Open: func() (io.ReadCloser, error) {
			in, err := file.Open()
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(strings.NewReader(head.String()), in, strings.NewReader(tail)), in}, nil
		},
	}
}
