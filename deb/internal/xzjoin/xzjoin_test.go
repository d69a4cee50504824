package xzjoin_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/deb/internal/xzjoin"
)

// compress runs the program xz.
func compress(t testing.TB, plain []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("xz", append([]string{"-c"}, args...)...)
	cmd.Stdin = bytes.NewReader(plain)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func text(seed uint64, size int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var b []byte
	for len(b) < size {
		b = append(b, "Package: "...)
		b = append(b, strings.Repeat(string(rune('a'+rnd.IntN(26))), 1+rnd.IntN(9))...)
		b = append(b, '\n')
	}
	return b[:size]
}

// join joins files as the callers of the package do.
func join(t testing.TB, files ...[]byte) []byte {
	t.Helper()
	out := xzjoin.Header()
	var all []xzjoin.Block
	for _, f := range files {
		blocks, stored, err := xzjoin.Cut(f)
		if err != nil {
			t.Fatal(err)
		}
		all, out = append(all, blocks...), append(out, stored...)
	}
	return append(out, xzjoin.Trailer(all)...)
}

func TestJoin(t *testing.T) {
	parts := [][]byte{text(1, 1000), text(2, 300_001), text(3, 1), text(4, 70_000), text(5, 4096)}
	files := [][]byte{
		compress(t, parts[0]), compress(t, parts[1], "-T2", "--block-size=65536"), compress(t, parts[2], "-0"),
		compress(t, parts[3], "--block-list=10000,60000"), compress(t, parts[4], "-9e"),
	}
	for n := range len(files) + 1 {
		joined, want := join(t, files[:n]...), slices.Concat(parts[:n]...)
		cmd := exec.Command("xz", "-dc")
		cmd.Stdin = bytes.NewReader(joined)
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("xz reads %d bytes of %d joined parts, want %d: %v", len(got), n, len(want), err)
		}
		r, err := xz.NewReader(bytes.NewReader(joined))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Go reads %d bytes of %d joined parts, want %d: %v", len(got), n, len(want), err)
		}
		if again := join(t, joined); !bytes.Equal(again, joined) {
			t.Errorf("%d joined parts: cutting and joining again gives another file", n)
		}
	}
}

// TestStore joins blocks that hold their data as it is with others.
func TestStore(t *testing.T) {
	var plain []byte
	parts := [][]byte{compress(t, text(1, 100_000))}
	plain = append(plain, text(1, 100_000)...)
	for i, size := range []int{0, 1, 2, 3, 4, 1 << 16, 1<<16 + 1, 200_000} {
		data := text(uint64(i), size)
		block, stored := xzjoin.Store(data)
		if int64(len(stored)) != block.Stored() || block.Size != int64(size) {
			t.Errorf("%d bytes: %+v, but %d are stored", size, block, len(stored))
		}
		whole := append(append(xzjoin.Header(), stored...), xzjoin.Trailer([]xzjoin.Block{block})...)
		parts, plain = append(parts, whole), append(plain, data...)
	}
	joined := join(t, parts...)
	cmd := exec.Command("xz", "-dc")
	cmd.Stdin = bytes.NewReader(joined)
	if got, err := cmd.Output(); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("xz reads %d bytes, want %d: %v", len(got), len(plain), err)
	}
	r, err := xz.NewReader(bytes.NewReader(joined))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("Go reads %d bytes, want %d: %v", len(got), len(plain), err)
	}
}

func TestCutRefuses(t *testing.T) {
	good := compress(t, text(1, 5000))
	files := map[string][]byte{
		"nothing": nil, "text": []byte("text"), "CRC32": compress(t, text(1, 10), "--check=crc32"),
		"two streams": append(slices.Clone(good), good...), "cut": good[:len(good)-4], "padded": append(slices.Clone(good), 0, 0, 0, 0),
	}
	for i := len(good) - 40; i < len(good); i++ { // index and footer
		bad := slices.Clone(good)
		bad[i] ^= 1
		files[string(rune(i))] = bad
	}
	wrong := 0
	for name, f := range files {
		_, _, err := xzjoin.Cut(f)
		switch {
		case errors.Is(err, xzjoin.ErrFormat):
			wrong++
		case len(name) > 4:
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	if wrong < 6+20 { // the index of one block and the footer have more than twenty bytes
		t.Errorf("only %d of the damaged files were refused", wrong)
	}
}

func FuzzCut(f *testing.F) {
	f.Add(compress(f, text(1, 3000), "--block-size=1000"))
	f.Add(append(xzjoin.Header(), xzjoin.Trailer(nil)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		blocks, stored, err := xzjoin.Cut(file)
		if err != nil {
			return
		}
		out := append(append(xzjoin.Header(), stored...), xzjoin.Trailer(blocks)...)
		again, same, err := xzjoin.Cut(out)
		if err != nil || !slices.Equal(again, blocks) || !bytes.Equal(same, stored) {
			t.Errorf("what was cut can't be joined: %v", err)
		}
	})
}
