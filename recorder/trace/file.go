package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"
)

// The buckets of the file and the keys of the first; see the package
// documentation for what is in them.
var (
	bucketMeta        = []byte("meta")
	bucketPaths       = []byte("paths")
	bucketObjects     = []byte("objects")
	bucketBlocks      = []byte("blocks")
	bucketTail        = []byte("tail")
	bucketCheckpoints = []byte("checkpoints")

	keyFormat      = []byte("format")
	keyRun         = []byte("run")
	keyCertificate = []byte("certificate")
	keyPosition    = []byte("position")
	keyDigest      = []byte("digest")
)

// formatName is the value of the key format: magic and version.
const formatName = "hindsight trace 1"

var buckets = [][]byte{bucketMeta, bucketPaths, bucketObjects, bucketBlocks, bucketTail, bucketCheckpoints}

// checkpointKey is the key of the checkpoint behind the block that ends with an
// event. What it begins with is no seq: earlier versions of this package took
// every checkpoint with a seq for the state of all objects.
func checkpointKey(last uint64) []byte { return append(key64(math.MaxUint64), key64(last)...) }

func key64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// putJSON stores v as a section.
func putJSON(tx *bbolt.Tx, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(key, appendSection(nil, tailEncoder, raw))
}

// getJSON reads what putJSON stored; a missing key leaves v as it is.
func getJSON(tx *bbolt.Tx, key []byte, v any) error {
	stored := tx.Bucket(bucketMeta).Get(key)
	if stored == nil {
		return nil
	}
	s, _, err := cutSection(stored)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	raw, err := s.open()
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrFormat, key, err)
	}
	return nil
}

// checkFormat makes sure that the file is a trace of a version we know.
func checkFormat(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("%w: it is a bbolt file of another program", ErrFormat)
	}
	if name := string(meta.Get(keyFormat)); name != formatName {
		return fmt.Errorf("%w: its format is %.40q, this program reads %q", ErrFormat, name, formatName)
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: its bucket %s is missing", ErrFormat, name)
		}
	}
	return nil
}

// loadChunks feeds the chunks of a dictionary bucket to load.
func loadChunks(b *bbolt.Bucket, load func(first uint32, raw []byte) error) error {
	total := 0
	return b.ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return fmt.Errorf("%w: a dictionary key has %d bytes", ErrFormat, len(k))
		}
		s, rest, err := cutSection(v)
		if err != nil {
			return err
		}
		if total += s.size; total > maxDictionary || len(rest) != 0 {
			return fmt.Errorf("%w: a dictionary is larger than %d bytes", ErrFormat, maxDictionary)
		}
		raw, err := s.open()
		if err != nil {
			return err
		}
		return load(uint32(binary.BigEndian.Uint64(k)), raw)
	})
}

// eachBlock calls visit for the blocks of a bucket, in order.
func eachBlock(tx *bbolt.Tx, bucket []byte, visit func(*block) error) error {
	return tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return fmt.Errorf("%w: a block key has %d bytes", ErrFormat, len(k))
		}
		b, err := parseBlock(seqOf(k), v)
		if err != nil {
			return err
		}
		return visit(b)
	})
}

// loadDictionaries reads the paths and the objects.
func loadDictionaries(tx *bbolt.Tx) (*dictionary, *objectTable, error) {
	paths, objects := newDictionary(), newObjectTable()
	if err := loadChunks(tx.Bucket(bucketPaths), paths.load); err != nil {
		return nil, nil, fmt.Errorf("paths: %w", err)
	}
	if err := loadChunks(tx.Bucket(bucketObjects), objects.load); err != nil {
		return nil, nil, fmt.Errorf("objects: %w", err)
	}
	return paths, objects, nil
}

// putDictionaries writes what is new in the dictionaries as one chunk each.
func putDictionaries(tx *bbolt.Tx, paths *dictionary, objects *objectTable, encoder *zstd.Encoder) error {
	if len(paths.entries) > paths.written {
		chunk := appendSection(nil, encoder, paths.appendNew(nil))
		if err := tx.Bucket(bucketPaths).Put(key64(uint64(paths.written)), chunk); err != nil {
			return err
		}
		paths.written = len(paths.entries)
	}
	if len(objects.list) > objects.written {
		chunk := appendSection(nil, encoder, objects.appendNew(nil))
		if err := tx.Bucket(bucketObjects).Put(key64(uint64(objects.written)), chunk); err != nil {
			return err
		}
		objects.written = len(objects.list)
	}
	return nil
}

// digest is a SHA-256 over every key and value of the file but the digest.
func digest(tx *bbolt.Tx) (string, error) {
	h := sha256.New()
	var length [8]byte
	put := func(b []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	for _, name := range buckets {
		put(name)
		err := tx.Bucket(name).ForEach(func(k, v []byte) error {
			if string(k) != string(keyDigest) {
				put(k)
				put(v)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
