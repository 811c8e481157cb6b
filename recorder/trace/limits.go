package trace

import "github.com/klauspost/compress/zstd"

// Bounds on everything that a file or an input may ask for. A trace of a real
// run stays far below each of them; a hostile one meets an error instead of
// unbounded memory.
const (
	// maxData bounds the JSON of one event. etcd's own limit is 1.5 MiB.
	maxData = 4 << 20
	// maxSection bounds one decompressed section of a block.
	maxSection = 64 << 20
	// maxDictionary bounds the decompressed path and object dictionaries, each.
	maxDictionary = 256 << 20
	// maxPaths and maxObjects bound the entries of the dictionaries. From a
	// quarter of maxPaths on the writer keeps what is nested as text, from half
	// on it refuses events; one event cannot add more than the other half.
	maxPaths   = 2 << 20
	maxObjects = 16 << 20
	// maxDepth is how deep a value may be nested before the rest is kept as text.
	maxDepth = 64
	// maxNesting is how deep a value may be nested at all.
	maxNesting = 1000
)

// How the writer cuts the history. A block of about two thousand events is where
// the size curve flattens while one block still decodes in half a millisecond.
const (
	blockEvents = 2048
	blockLeaves = 1 << 18  // changes in a block: about 8 MiB
	blockBytes  = 16 << 20 // strings in a block, so that a section stays below maxSection

	// checkpointLinks is how many blocks with changes of an object are read at
	// most to know its state, before a checkpoint has it.
	checkpointLinks = 4

	// A mebibyte of a block's payload served as dictionary in version 1.
	maxShared = 1 << 20
)

// The encoders and the decoder keep their tables between calls and are safe
// for concurrent EncodeAll and DecodeAll. One goroutine each is enough: a block
// is small, and parallel work is over blocks or files. Windows of a mebibyte keep
// their memory small; what is larger is mostly alike anyway.
var (
	blockEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(1<<20))
	tailEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(1<<20))
	sectionDecoder, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxSection),
		zstd.WithDecoderConcurrency(2))
)
