package pkgspec

import (
	"path"
	"strings"
)

// S3Target is a repository in a bucket.
type S3Target struct {
	Bucket string
	// Prefix is a clean relative path, or empty for the bucket's top.
	Prefix string
	// Endpoint is the address of the store's API; empty is Amazon's.
	Endpoint string
	// Region is empty unless the spec gives it.
	Region string
}

// Kind implements PublishPlace.
func (S3Target) Kind() string { return "s3" }

func s3Kind() publishKind {
	return publishKind{key: place("s3", s3Shape(),
		"A repository in a bucket of S3 or of a store that speaks like it.", `s3: {bucket: apt-example}`)}
}

func s3Shape() shape[S3Target] {
	return object(
		key("bucket", text(checkBucket), func(s *S3Target, v string) { s.Bucket = v },
			"The bucket.", `bucket: apt-example`).must(),
		key("prefix", text(checkKeyPrefix), func(s *S3Target, v string) { s.Prefix = v },
			"The directory in the bucket.", `prefix: debian`),
		key("endpoint", text(checkBaseURL), func(s *S3Target, v string) { s.Endpoint = strings.TrimSuffix(v, "/") },
			"The address of a store that isn't Amazon's.", `endpoint: "https://s3.example.org"`),
		key("region", text(checkWord), func(s *S3Target, v string) { s.Region = v },
			"The region; AWS_REGION and ~/.aws/config are read otherwise.", `region: eu-central-1`),
	)
}

// checkBucket follows Amazon's rules for bucket names, without its list of
// reserved endings; other stores are as strict or stricter.
func checkBucket(s string) problem {
	return expect(matches(`[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]`, s) && !strings.Contains(s, ".."), s, "a valid bucket name",
		"use 3 to 63 lower-case letters, digits, hyphens and dots")
}

func checkKeyPrefix(s string) problem {
	return expect(!path.IsAbs(s) && path.Clean(s) == s && s != "." && !strings.HasPrefix(s, "..") && matches(`[A-Za-z0-9/._+~-]+`, s), s,
		"a valid directory in a bucket", "write it without a slash at either end, like this: debian/internal")
}
