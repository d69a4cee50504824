// Package xzjoin takes .xz files apart into their blocks and puts blocks of
// several files together into one stream, without compressing anything again
// (xz-file-format.txt, 1.1.0). All readers take a stream of many blocks: xz -T
// writes such. Several streams in one file they don't: dpkg stops after the first.
package xzjoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"math"
)

// ErrFormat says that a file is no .xz file of one stream with CRC64, or damaged.
var ErrFormat = errors.New("not an .xz file of one stream with CRC64, or a damaged one")

const (
	headerMagic = "\xFD7zXZ\x00"
	footerMagic = "YZ"
	flags       = "\x00\x04" // CRC64, what xz uses unless told otherwise
	footerSize  = 12
	// HeaderSize is the size of the stream's header.
	HeaderSize = 12
)

// Block describes a compressed block as the index of its stream does.
type Block struct {
	// Unpadded is the size of the block without its padding, Size that of what it
	// holds.
	Unpadded, Size int64
}

// Stored is the number of bytes that the block takes in a stream.
func (b Block) Stored() int64 { return (b.Unpadded + 3) &^ 3 }

// Header is what a stream begins with.
func Header() []byte {
	out := []byte(headerMagic + flags)
	return binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(flags)))
}

// Trailer is what follows the blocks: the index and the footer.
func Trailer(blocks []Block) []byte {
	index := binary.AppendUvarint([]byte{0}, uint64(len(blocks)))
	for _, b := range blocks {
		index = binary.AppendUvarint(index, uint64(b.Unpadded))
		index = binary.AppendUvarint(index, uint64(b.Size))
	}
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	index = binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(index))
	tail := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	tail = append(tail, flags...)
	out := binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(tail))
	return append(append(out, tail...), footerMagic...)
}

// Cut returns the blocks of a file, and the bytes of all of them: each block has
// its Stored bytes there. The bytes are a part of file. What the blocks hold is
// not looked at.
func Cut(file []byte) (blocks []Block, stored []byte, err error) {
	if len(file) < HeaderSize+footerSize+8 || !bytes.Equal(file[:HeaderSize], Header()) {
		return nil, nil, ErrFormat
	}
	foot := file[len(file)-footerSize:]
	if string(foot[8:]) != flags+footerMagic || binary.LittleEndian.Uint32(foot) != crc32.ChecksumIEEE(foot[4:10]) {
		return nil, nil, ErrFormat
	}
	indexSize := (int64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4
	start := int64(len(file)) - footerSize - indexSize
	if start < HeaderSize {
		return nil, nil, ErrFormat
	}
	blocks, err = parseIndex(file[start : start+indexSize])
	if err != nil {
		return nil, nil, err
	}
	var sum int64
	for _, b := range blocks {
		if sum += b.Stored(); sum > start {
			return nil, nil, ErrFormat
		}
	}
	if sum != start-HeaderSize {
		return nil, nil, fmt.Errorf("%w: its blocks have %d bytes, its index says %d", ErrFormat, start-HeaderSize, sum)
	}
	return blocks, file[HeaderSize:start], nil
}

func parseIndex(index []byte) ([]Block, error) {
	if len(index) < 8 || index[0] != 0 {
		return nil, ErrFormat
	}
	body, sum := index[:len(index)-4], index[len(index)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return nil, ErrFormat
	}
	rest := body[1:]
	next := func() int64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 || v > math.MaxInt64/4 {
			rest = nil
			return -1
		}
		rest = rest[n:]
		return int64(v)
	}
	count := next()
	if count < 0 || count > int64(len(rest)/2) {
		return nil, ErrFormat
	}
	blocks := make([]Block, count)
	for i := range blocks {
		if blocks[i] = (Block{next(), next()}); blocks[i].Unpadded < 5 || blocks[i].Size < 0 {
			return nil, ErrFormat
		}
	}
	if len(rest) > 3 || len(bytes.Trim(rest, "\x00")) > 0 {
		return nil, ErrFormat
	}
	return blocks, nil
}

const (
	// maxChunk is the most that a chunk of LZMA2 holds uncompressed.
	maxChunk = 1 << 16
	// lzma2 is the filter's number, smallDict the code of a dictionary of 64 KiB.
	lzma2     = 0x21
	smallDict = 8
)

// Store makes a block that holds data as it is: for what is compressed soon
// anyway, and not worth a process.
func Store(data []byte) (Block, []byte) {
	// Size in words of 4 bytes, one filter without sizes of the block, padding.
	out := []byte{2, 0, lzma2, 1, smallDict, 0, 0, 0}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	for rest, first := data, true; len(rest) > 0; first = false {
		n := min(len(rest), maxChunk)
		control := byte(2)
		if first {
			control = 1 // and the dictionary begins anew
		}
		out = append(out, control)
		out = binary.BigEndian.AppendUint16(out, uint16(n-1))
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	out = append(out, 0)
	unpadded := len(out) + crc64.Size
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	out = binary.LittleEndian.AppendUint64(out, crc64.Checksum(data, crc64.MakeTable(crc64.ECMA)))
	return Block{Unpadded: int64(unpadded), Size: int64(len(data))}, out
}
