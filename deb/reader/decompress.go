package reader

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// maxMemory is what a decompressor may ask for. Real packages need a tenth. The
// xz package has no such bound: a hostile header can make it reserve 4 GiB of
// address space, of which it touches what the data fills.
const maxMemory = 256 << 20

// plainReader delivers what was compressed. Close ends it at any place.
type plainReader interface {
	io.Reader
	// end reads what follows the content, so that all of it was checked.
	end() error
	// abort ends the reading before.
	abort()
}

// decompress returns what a member with that ending holds. Data, which is large
// in some packages, is read by the program at the path program, unless that is
// empty: it takes a fifth of the time, and knows filters that the package in Go
// doesn't.
func decompress(ending string, r io.Reader, program string) (plainReader, error) {
	if program != "" && (ending == ".xz" || ending == ".lzma") {
		return startXZ(program, strings.TrimPrefix(ending, "."), r)
	}
	switch ending {
	case "":
		return &inGo{Reader: r}, nil
	case ".gz":
		z, err := gzip.NewReader(r)
		return &inGo{Reader: z}, err
	case ".xz":
		z, err := xz.ReaderConfig{DictCap: 1 << 16}.NewReader(r)
		return &inGo{Reader: z}, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMemory))
		if err != nil {
			return nil, err
		}
		return &inGo{z, z.Close}, nil
	case ".bz2":
		return &inGo{Reader: bzip2.NewReader(r)}, nil
	case ".lzma":
		z, err := lzma.NewReader(r)
		return &inGo{Reader: z}, err
	}
	return nil, fmt.Errorf("unknown compression %q", ending)
}

// inGo is a decompressor of this process.
type inGo struct {
	io.Reader
	done func() // or nil
}

func (d *inGo) end() error {
	_, err := io.Copy(io.Discard, d.Reader)
	d.abort()
	return err
}

func (d *inGo) abort() {
	if d.done != nil {
		d.done()
	}
}

// program is a running xz.
type program struct {
	io.Reader
	cmd     *exec.Cmd
	message bytes.Buffer
}

func startXZ(path, format string, r io.Reader) (plainReader, error) {
	p := &program{cmd: exec.Command(path, "--decompress", "--stdout", "--threads=1", "--format="+format, fmt.Sprint("--memlimit-decompress=", maxMemory))}
	p.cmd.Env = []string{"LC_ALL=C"}
	p.cmd.Stdin, p.cmd.Stderr = r, &p.message
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.Reader = out
	return p, p.cmd.Start()
}

func (p *program) end() error {
	_, err := io.Copy(io.Discard, p.Reader)
	if werr := p.cmd.Wait(); werr != nil {
		return fmt.Errorf("%w: %s", werr, strings.TrimSpace(p.message.String()))
	}
	return err
}

func (p *program) abort() {
	// The copy to its input ends with it; that both were ended is expected.
	_ = errors.Join(p.cmd.Process.Kill(), p.cmd.Wait())
}
