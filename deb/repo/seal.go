package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/cancel"
)

// maxWait is how long a publisher waits for its clock to pass the last date.
const maxWait = 10 * time.Second

// date is the next generation's. It is not in the future, which clients refuse,
// and a second later at least than the last date and the last file: what has the
// time that a client knows, the client takes for what it has.
func (d *draft) date(ctx context.Context) (time.Time, error) {
	now := d.repo.opts.Now()
	if d.base == nil {
		return now.UTC().Truncate(time.Second), nil
	}
	last := d.base.generation.Date
	if m := d.base.modified.Truncate(time.Second); m.After(last) {
		last = m
	}
	next := last.Add(time.Second)
	if next.Sub(now) > maxWait {
		return now, &ClockError{Now: now, Last: last}
	}
	for now.Before(next) {
		if err := cancel.Sleep(ctx, min(next.Sub(now), 50*time.Millisecond)); err != nil {
			return now, err
		}
		now = d.repo.opts.Now()
	}
	return now.UTC().Truncate(time.Second), nil
}

// sign has every signer sign a release file, and checks that clients will be able
// to verify it: that is when a wrong key costs least.
func (d *draft) sign(ctx context.Context, text []byte) (inline, detached []byte, err error) {
	signers := d.repo.opts.Signers
	in, out := make([][]byte, len(signers)), make([][]byte, len(signers))
	for i, s := range signers {
		if in[i], out[i], err = s.Sign(ctx, text); err != nil {
			return nil, nil, err
		}
	}
	if inline, err = sign.Merge(in); err != nil {
		return nil, nil, err
	}
	if detached, err = sign.MergeDetached(out); err != nil {
		return nil, nil, err
	}
	now := d.repo.opts.Now()
	signed, by, err := sign.VerifyInline(d.keyring, inline, now)
	if err == nil && string(signed) != string(text) {
		err = &sign.SignatureError{Reason: "the signer signed another text"}
	}
	if err == nil && len(by) < len(signers) {
		err = &sign.SignatureError{Reason: fmt.Sprintf("only %d of %d signatures are good", len(by), len(signers))}
	}
	if err == nil {
		by, err = sign.VerifyDetached(d.keyring, text, detached, now)
	}
	if err == nil && len(by) < len(signers) {
		err = &sign.SignatureError{Reason: fmt.Sprintf("only %d of %d detached signatures are good", len(by), len(signers))}
	}
	return inline, detached, err
}
