package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Sizes and marks of SQLite's write-ahead log, https://sqlite.org/fileformat2.html#walformat.
const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // and 1 more where checksums are big endian
)

// tornFrames counts the frames of a write-ahead log that SQLite will drop: those
// of the log's current generation behind its last commit. A frame belongs to that
// generation when it carries the header's salts; frames left of an earlier one do
// not. A log that is missing or empty has none; where the header itself is damaged
// all frames are dropped.
func tornFrames(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(f, 1<<16)
	header := make([]byte, walHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil
		}
		return 0, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	magic, page := binary.BigEndian.Uint32(header), int64(binary.BigEndian.Uint32(header[8:]))
	if magic == walMagic+1 {
		order = binary.BigEndian
	}
	sum := checksum(order, [2]uint32{}, header[:24])
	if magic&^1 != walMagic || page < 512 || page > 65536 || !sum.is(header[24:]) {
		const usual = 4096
		return int((info.Size() - walHeader) / (frameHeader + usual)), nil
	}
	salts := string(header[16:24])
	frame := make([]byte, frameHeader+page)
	whole, behind := true, 0
	for {
		_, err := io.ReadFull(r, frame)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return behind, nil
		}
		if err != nil {
			return 0, err
		}
		current := string(frame[8:16]) == salts
		if whole {
			next := checksum(order, checksum(order, sum, frame[:8]), frame[frameHeader:])
			whole = current && next.is(frame[16:])
			sum = next
		}
		committed := binary.BigEndian.Uint32(frame[4:]) != 0
		switch {
		case whole && committed:
			behind = 0
		case whole || current:
			behind++
		}
	}
}

// sums are the two running checksums of a write-ahead log.
type sums [2]uint32

func (s sums) is(b []byte) bool {
	return s[0] == binary.BigEndian.Uint32(b) && s[1] == binary.BigEndian.Uint32(b[4:])
}

// checksum goes on from s over b, whose length is a multiple of 8.
func checksum(order binary.ByteOrder, s sums, b []byte) sums {
	for len(b) >= 8 {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
		b = b[8:]
	}
	return s
}
