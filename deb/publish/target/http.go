package target

import (
	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/upload"
	"github.com/envbuild/envbuild/pkgspec"
)

// httpKind is a server that takes a package in one request.
func httpKind() kind {
	return kind{name: pkgspec.HTTPTarget{}.Kind(), server: func(o *opening) (publish.Target, error) {
		t := o.Where.(pkgspec.HTTPTarget)
		opts := upload.Options{
			Name: o.Name, Distribution: o.Distribution, Component: o.Component,
			Method: t.Method, URL: t.URL.Expand, Headers: uploadFields(t.Headers),
			Auth:   upload.Auth{Kind: string(t.Auth.Kind), Header: t.Auth.Header, Scheme: t.Auth.Scheme, Variables: o.variables()},
			Getenv: o.Getenv, Report: o.Report,
		}
		if len(t.Download) > 0 {
			opts.Download = t.Download.Expand
		}
		if t.Form != nil {
			opts.FormFile, opts.Form = t.Form.File, uploadFields(t.Form.Fields)
		}
		return upload.New(opts)
	}}
}

func uploadFields(vars []pkgspec.TemplateVar) (out []upload.Field) {
	for _, v := range vars {
		out = append(out, upload.Field{Name: v.Name, Value: v.Value.Expand})
	}
	return out
}
