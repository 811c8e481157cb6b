package trace

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// shared is the dictionary of a file: the payload of one of its first blocks,
// which the payloads of all later blocks and checkpoints are compressed with.
// What is the same in every cluster, every pod and every claim is there once.
type shared struct {
	fetch func(first uint64) (*block, error) // reads a block

	mu     sync.Mutex
	first  uint64 // seq of the block that serves; 0: none yet
	with   *zstd.Decoder
	encode *zstd.Encoder
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

// serve makes the payload of a block the dictionary, if it is the first that is
// large enough.
func (s *shared) serve(first uint64, payload []byte) error {
	if s.encode != nil || len(payload) < minDictionary {
		return nil
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(4*maxShared),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderDictRaw(sharedID, dictionaryOf(payload)))
	if err != nil {
		return err
	}
	s.first, s.encode = first, encoder
	return nil
}

// codec returns how a block is compressed now.
func (s *shared) codec() codec {
	if s.encode == nil {
		return codec{sections: blockEncoder, payload: blockEncoder}
	}
	return codec{sections: blockEncoder, payload: s.encode, dictionary: s.first}
}

func (s *shared) close() {
	if s.with != nil {
		s.with.Close()
	}
}
