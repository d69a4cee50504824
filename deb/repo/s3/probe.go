package s3

import (
	"context"
	"errors"
	"strings"

	"github.com/minio/minio-go/v7"
)

// probeName is a file that is there to be refused. Its directory is the storage's own.
const probeName = ".envbuild/local/probe"

const probeText = "This file is here so that envbuild can see whether the store refuses to overwrite it.\n"

// probe makes sure, once, that the store keeps to conditions on writes: Alibaba's
// answers 501 to them, and Google's ignores If-Match. A file of a known content is left behind, so that two requests are
// all that later publishers need.
func (s *Storage) probe(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probed {
		return nil
	}
	const wrong = "00000000000000000000000000000000"
	try := func(condition func(*minio.PutObjectOptions)) error {
		return s.do(ctx, "write", probeName, func() error {
			opts := s.options(probeName)
			condition(&opts)
			key, err := s.key("write", probeName)
			if err != nil {
				return err
			}
			_, err = s.client.PutObject(ctx, s.opts.Bucket, key, strings.NewReader(probeText), int64(len(probeText)), opts)
			return err
		})
	}
	absent := func(o *minio.PutObjectOptions) { o.SetMatchETagExcept("*") }
	err := try(absent)
	if err == nil { // it was the first time
		err = try(absent)
	}
	if err := s.refused("If-None-Match", err); err != nil {
		return err
	}
	if err := s.refused("If-Match", try(func(o *minio.PutObjectOptions) { o.SetMatchETag(wrong) })); err != nil {
		return err
	}
	s.probed = true
	return nil
}

// refused returns an error unless a write was refused as it should have been.
func (s *Storage) refused(header string, err error) error {
	var e *Error
	switch {
	case failedCondition(err):
		return nil
	case err == nil:
		return &ConditionError{Endpoint: s.opts.Endpoint, Header: header}
	case errors.As(err, &e) && (e.Status == 501 || e.Code == "NotImplemented" || e.Code == "InvalidArgument" || e.Code == "InvalidRequest"):
		return &ConditionError{Endpoint: s.opts.Endpoint, Header: header, Answer: e.Err.Error()}
	}
	return err
}

// ConditionError says that a store has no conditions on writes.
type ConditionError struct {
	// Endpoint is its address, Header the condition, Answer what it said, or empty
	// if it did as if there were none.
	Endpoint, Header, Answer string
}

func (e *ConditionError) Error() string {
	if e.Answer != "" {
		return "the store at " + e.Endpoint + " has no conditional writes (" + e.Header + "): " + e.Answer
	}
	return "the store at " + e.Endpoint + " has no conditional writes: it ignores " + e.Header
}

// Hint says why that matters.
func (e *ConditionError) Hint() string {
	return "two publishers at once would lose each other's packages there; use a store that documents them (Amazon S3, MinIO, Cloudflare R2, Ceph), or publish to a directory or by ssh and copy that"
}
