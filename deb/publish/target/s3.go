package target

import (
	"context"
	"strings"

	"github.com/envbuild/envbuild/deb/repo/s3"
	"github.com/envbuild/envbuild/pkgspec"
)

// s3Kind is a repository in a bucket.
func s3Kind() kind {
	return kind{name: pkgspec.S3Target{}.Kind(), place: func(_ context.Context, o *opening) (place, error) {
		t := o.Where.(pkgspec.S3Target)
		storage, err := s3.New(s3.Options{
			Bucket: t.Bucket, Prefix: t.Prefix, Endpoint: t.Endpoint, Region: t.Region, Getenv: o.Getenv, Sent: o.sent,
		})
		url := "https://" + t.Bucket + ".s3.amazonaws.com/" + t.Prefix
		if t.Endpoint != "" {
			url = t.Endpoint + "/" + t.Bucket + "/" + t.Prefix
		}
		return place{storage: storage, url: strings.TrimSuffix(url, "/")}, err
	}}
}
