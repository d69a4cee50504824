package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/envbuild/envbuild/deb/internal/xzjoin"
)

const (
	// baseSize is the size from which loose parts become one of the base. A .xz of
	// such blocks is about a tenth larger than one of a single block.
	baseSize = 256 << 10
	// looseSize is the most that is compressed again for one package: about 10 ms.
	looseSize = 32 << 10
)

// gzipPart makes a gzip member.
func gzipPart(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// gunzipPart reads a gzip member that holds exactly size bytes.
func gunzipPart(member []byte, size int64) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, size+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) != size {
		return nil, fmt.Errorf("a part has %d bytes, not %d", b.Len(), size)
	}
	return b.Bytes(), r.Close()
}

// xzProgram compresses with the program xz: three times as fast as Go's package,
// whose files are as large as gzip's.
type xzProgram struct{ path string }

// parts compresses each part into a block of its own. One process does it all.
// Large parts are there for long and worth more time.
func (x xzProgram) parts(ctx context.Context, parts [][]byte) ([]xzjoin.Block, [][]byte, error) {
	if len(parts) == 0 {
		return nil, nil, nil
	}
	sizes := make([]string, len(parts))
	inputs := make([]io.Reader, len(parts))
	total, largest := 0, 4096
	for i, p := range parts {
		sizes[i], inputs[i] = strconv.Itoa(len(p)), bytes.NewReader(p)
		total, largest = total+len(p), max(largest, len(p))
	}
	threads, preset := 1, "1"
	if total > 2*baseSize {
		threads = runtime.GOMAXPROCS(0)
	}
	if largest > looseSize {
		preset = "6"
	}
	// A dictionary larger than a block only costs memory and the time to clear it.
	cmd := exec.CommandContext(ctx, x.path, "--format=xz", "--compress", "--stdout", "--check=crc64", "--no-warn",
		"--lzma2=preset="+preset+",dict="+strconv.Itoa(largest), "--threads="+strconv.Itoa(threads),
		"--block-list="+strings.Join(sizes, ","))
	cmd.Env = []string{"LC_ALL=C"} // XZ_DEFAULTS and XZ_OPT change what comes out
	cmd.Stdin = io.MultiReader(inputs...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %s", x.path, err, strings.TrimSpace(stderr.String()))
	}
	blocks, stored, err := xzjoin.Cut(out)
	if err != nil {
		return nil, nil, err
	}
	return cutBlocks(parts, blocks, stored)
}

func cutBlocks(parts [][]byte, blocks []xzjoin.Block, stored []byte) ([]xzjoin.Block, [][]byte, error) {
	if len(blocks) != len(parts) {
		return nil, nil, errors.New("xz made other blocks than it was told to")
	}
	out := make([][]byte, len(parts))
	for i, b := range blocks {
		if b.Size != int64(len(parts[i])) {
			return nil, nil, errors.New("xz made other blocks than it was told to")
		}
		out[i], stored = stored[:b.Stored()], stored[b.Stored():]
	}
	return blocks, out, nil
}
