package trace

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// shared is the dictionary of a file of version 1: the payload of one of its
// first blocks, which the payloads of all later blocks and checkpoints are
// compressed with.
type shared struct {
	fetch func(first uint64) (*block, error) // reads a block

	mu     sync.Mutex
	shapes map[uint32]*shape
	first  uint64 // seq of the block that serves; 0: none yet
	with   *zstd.Decoder
}

// sharedID is the dictionary id in the zstd frames.
const sharedID = 1

// dictionaryOf cuts a payload to the part that serves as dictionary.
func dictionaryOf(payload []byte) []byte {
	return payload[max(0, len(payload)-maxShared):]
}

// decoder returns the decoder for payloads with this dictionary.
func (s *shared) decoder(first uint64) (*zstd.Decoder, error) {
	if first == 0 {
		return sectionDecoder, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.with != nil {
		if s.first != first {
			return nil, fmt.Errorf("%w: it has two dictionaries, blocks %d and %d", ErrFormat, s.first, first)
		}
		return s.with, nil
	}
	b, err := s.fetch(first)
	if err != nil {
		return nil, err
	}
	if b.dictionary != 0 {
		return nil, fmt.Errorf("%w: the dictionary needs a dictionary", ErrFormat)
	}
	payload, err := b.payload.open()
	if err != nil {
		return nil, err
	}
	s.with, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxSection), zstd.WithDecoderConcurrency(2),
		zstd.WithDecoderDictRaw(sharedID, dictionaryOf(payload)))
	if err != nil {
		return nil, fmt.Errorf("%w: dictionary: %v", ErrFormat, err)
	}
	s.first = first
	return s.with, nil
}

// shape returns a shape that many blocks have, as the replays of this file select
// from it.
func (s *shared) shape(p *replay, id uint32) (*shape, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.shapes[id]; known != nil {
		return known, nil
	}
	made, err := readShape(p.shapes.list[id].text)
	if err == nil {
		err = p.expand(made)
	}
	if err != nil {
		return nil, err
	}
	if s.shapes == nil {
		s.shapes = map[uint32]*shape{}
	}
	s.shapes[id] = made
	return made, nil
}

func (s *shared) close() {
	if s.with != nil {
		s.with.Close()
	}
}
