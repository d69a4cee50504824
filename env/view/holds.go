package view

import (
	"bytes"
	"fmt"
	"io"
)

// Hold says how a file holds a prefix, for whoever moves a view later.
type Hold struct {
	// Text says that the prefix may be replaced by one of any length.
	Text bool
	// Offsets are the places of the prefix in a binary file. There it and what
	// follows up to Room bytes, padding included, is to be overwritten.
	Offsets []int64
	// Tails are what follows the prefix at each offset, without the padding.
	Tails []string
}

// Room is the number of bytes that a prefix and what follows it may fill in a
// binary file.
const Room = 64

// FindHolds looks for a prefix in the content of a file of a view. tails are the
// paths below the prefix that stood for placeholders: "/runtime". nil means that
// the file doesn't hold it.
func FindHolds(r io.Reader, prefix string, tails []string) (*Hold, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	at := bytes.Index(content, []byte(prefix))
	if at < 0 {
		return nil, nil
	}
	if isText(content) {
		return &Hold{Text: true}, nil
	}
	h := &Hold{}
	for next := at; next >= 0; {
		tail, ok := paddedTail(content[at:], prefix, tails)
		if !ok {
			return nil, fmt.Errorf("the prefix at offset %d stands where no build prefix stood", at)
		}
		h.Offsets, h.Tails = append(h.Offsets, int64(at)), append(h.Tails, tail)
		if next = bytes.Index(content[at+Room:], []byte(prefix)); next >= 0 {
			at += Room + next
		}
	}
	return h, nil
}

// paddedTail finds which of the tails follows the prefix, padded with slashes as
// the relocator does.
func paddedTail(b []byte, prefix string, tails []string) (string, bool) {
	if len(b) < Room {
		return "", false
	}
	for _, tail := range tails {
		want := prefix + tail
		if len(want) <= Room && string(b[:len(want)]) == want && len(bytes.Trim(b[len(want):Room], "/")) == 0 {
			return tail, true
		}
	}
	return "", false
}
