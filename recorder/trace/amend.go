package trace

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// Amend copies a sealed trace to a new file, so that events can be appended that
// became known only after it was sealed. The trace itself is not touched: its
// events have the same numbers in the copy, its certificate is taken over, and
// the header of the copy says of what it is a copy and what was added. The Writer
// that is returned appends to the copy; end is what Seal is to be told.
func Amend(from, to string, what Amendment) (w *Writer, end string, err error) {
	original, err := Open(from)
	if err != nil {
		return nil, "", err
	}
	cert := original.Certificate()
	if !cert.Sealed {
		return nil, "", errors.Join(fmt.Errorf("%s is not sealed: it is still being recorded, or its recorder was killed; "+
			"attach with the same --output resumes it", from), original.Close())
	}
	err = original.Verify()
	if err == nil {
		what.Of, err = original.Digest()
	}
	if err := errors.Join(err, original.Close()); err != nil {
		return nil, "", fmt.Errorf("%s is damaged and is not taken for the base of another trace: %w", from, err)
	}
	if err := copyFile(from, to); err != nil {
		return nil, "", err
	}
	w, err = reopen(to, what)
	if err != nil {
		return nil, "", errors.Join(err, os.Remove(to))
	}
	return w, cert.End, nil
}

// copyFile makes a new file.
func copyFile(from, to string) error {
	in, err := openRegular(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already and is not overwritten: name another file: %w", to, err)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from, err), os.Remove(to))
	}
	return nil
}

// reopen makes a copy of a sealed trace one that can be written.
func reopen(path string, what Amendment) (*Writer, error) {
	db, err := bbolt.Open(path, 0o600, writerOptions)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		var run Run
		var cert Certificate
		if err := errors.Join(getJSON(tx, keyRun, &run), getJSON(tx, keyCertificate, &cert)); err != nil {
			return err
		}
		run.Amendments = append(run.Amendments, what)
		cert.Sealed, cert.End = false, ""
		return errors.Join(putJSON(tx, keyRun, run), putJSON(tx, keyCertificate, cert),
			tx.Bucket(bucketMeta).Delete(keyDigest))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return Resume(path)
}
