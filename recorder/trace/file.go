package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"
)

// The buckets of the file and the keys of the first; see the package
// documentation for what is in them.
var (
	bucketMeta        = []byte("meta")
	bucketPaths       = []byte("paths")
	bucketObjects     = []byte("objects")
	bucketTexts       = []byte("texts")
	bucketShapes      = []byte("shapes")
	bucketBlocks      = []byte("blocks")
	bucketTail        = []byte("tail")
	bucketCheckpoints = []byte("checkpoints")

	keyFormat      = []byte("format")
	keyRun         = []byte("run")
	keyCertificate = []byte("certificate")
	keyPosition    = []byte("position")
	keyDigest      = []byte("digest")
)

// The value of the key format is magic and version.
const (
	formatMagic   = "hindsight trace "
	formatVersion = 2
)

func formatName(version int) string { return formatMagic + strconv.Itoa(version) }

var buckets = [][]byte{
	bucketMeta, bucketPaths, bucketObjects, bucketBlocks, bucketTail, bucketCheckpoints, bucketTexts, bucketShapes,
}

// bucketsOf returns the buckets of a file of this version.
func bucketsOf(version int) [][]byte {
	if version == 1 {
		return buckets[:len(buckets)-2]
	}
	return buckets
}

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

// checkFormat makes sure that the file is a trace of a version we know, which it
// returns.
func checkFormat(tx *bbolt.Tx) (version int, err error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return 0, fmt.Errorf("%w: it is a bbolt file of another program", ErrFormat)
	}
	name := string(meta.Get(keyFormat))
	for version = 1; name != formatName(version); version++ {
		if version == formatVersion {
			return 0, fmt.Errorf("%w: its format is %.40q, this program reads %q and what is older",
				ErrFormat, name, formatName(formatVersion))
		}
	}
	for _, name := range bucketsOf(version) {
		if tx.Bucket(name) == nil {
			return 0, fmt.Errorf("%w: its bucket %s is missing", ErrFormat, name)
		}
	}
	return version, nil
}

// upgrade makes a file one of the present version, in which blocks of an earlier
// one stay as they are.
func upgrade(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keyFormat, []byte(formatName(formatVersion)))
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

// eachOfHistory calls visit for the blocks of the history, in order.
func eachOfHistory(tx *bbolt.Tx, visit func(bucket []byte, b *block) error) error {
	for _, bucket := range [][]byte{bucketBlocks, bucketTail} {
		if err := eachBlock(tx, bucket, func(b *block) error { return visit(bucket, b) }); err != nil {
			return err
		}
	}
	return nil
}

// numbered is what blocks name by number: a bucket has it in chunks.
type numbered interface {
	sizes() (all, written int)
	appendNew(dst []byte) []byte
	rewrite(from int)
}

// dictionaries are all that blocks name by number.
type dictionaries struct {
	paths   *dictionary
	objects *objectTable
	texts   *phrases
	shapes  *phrases
}

func newDictionaries() dictionaries {
	return dictionaries{newDictionary(), newObjectTable(), newPhrases(), newPhrases()}
}

// load reads them out of a file of this version.
func (d *dictionaries) load(tx *bbolt.Tx, version int) error {
	if err := loadChunks(tx.Bucket(bucketPaths), d.paths.load); err != nil {
		return fmt.Errorf("paths: %w", err)
	}
	if err := loadChunks(tx.Bucket(bucketObjects), d.objects.load); err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return loadPhrases(tx, version, d.texts, d.shapes)
}

// loadPhrases reads the texts and shapes that many blocks have.
func loadPhrases(tx *bbolt.Tx, version int, texts, shapes *phrases) error {
	if version == 1 {
		return nil
	}
	err := loadChunks(tx.Bucket(bucketTexts), texts.load)
	if err = firstOf(err, texts.checkTexts()); err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	if err := loadChunks(tx.Bucket(bucketShapes), shapes.load); err != nil {
		return fmt.Errorf("shapes: %w", err)
	}
	return nil
}

// put writes what is new as one chunk each.
func (d *dictionaries) put(tx *bbolt.Tx, encoder *zstd.Encoder) error {
	for _, part := range d.parts() {
		all, written := part.sizes()
		if all == written {
			continue
		}
		chunk := appendSection(nil, encoder, part.appendNew(nil))
		if err := tx.Bucket(part.bucket).Put(key64(uint64(written)), chunk); err != nil {
			return err
		}
		part.rewrite(all)
	}
	return nil
}

// putWhole writes everything as one chunk each.
func (d *dictionaries) putWhole(tx *bbolt.Tx, encoder *zstd.Encoder) error {
	for _, part := range d.parts() {
		part.rewrite(part.first)
		if err := emptyBucket(tx, part.bucket); err != nil {
			return err
		}
	}
	return d.put(tx, encoder)
}

type dictionaryPart struct {
	numbered
	bucket []byte
	first  int // the first number
}

func (d *dictionaries) parts() []dictionaryPart {
	return []dictionaryPart{
		{d.paths, bucketPaths, 1}, {d.objects, bucketObjects, 1}, {d.texts, bucketTexts, 0}, {d.shapes, bucketShapes, 0},
	}
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
	version, err := checkFormat(tx)
	if err != nil {
		return "", err
	}
	for _, name := range bucketsOf(version) {
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
