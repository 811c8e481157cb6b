package ledger_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/hindsight-project/hindsight/verifier/ledger"
)

// The intervals of method 3 in table I of R. G. Newcombe, Two-sided confidence
// intervals for the single proportion, Statistics in Medicine 17 (1998), 857, and
// some that are easily found by hand.
func TestWilsonAgreesWithPublishedIntervals(t *testing.T) {
	for _, c := range []struct {
		successes, trials int
		low, high         float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{5, 5, 0.5655, 1},
		{0, 0, 0, 1},
	} {
		got := ledger.Wilson(c.successes, c.trials)
		if math.Abs(got.Low-c.low) > 6e-5 || math.Abs(got.High-c.high) > 6e-5 {
			t.Errorf("%d of %d: got %.4f to %.4f, want %.4f to %.4f",
				c.successes, c.trials, got.Low, got.High, c.low, c.high)
		}
	}
}

func TestWilsonIsAnInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 500).Draw(t, "trials")
		k := rapid.IntRange(0, n).Draw(t, "successes")
		got, rate := ledger.Wilson(k, n), float64(k)/float64(n)
		if got.Low < 0 || got.High > 1 || got.Low > rate+1e-6 || got.High < rate-1e-6 {
			t.Fatalf("%d of %d: %v does not hold %v", k, n, got, rate)
		}
		mirror := ledger.Wilson(n-k, n)
		if math.Abs(mirror.Low-(1-got.High)) > 2e-6 || math.Abs(mirror.High-(1-got.Low)) > 2e-6 {
			t.Fatalf("%d of %d: %v, its mirror image %v", k, n, got, mirror)
		}
		more := ledger.Wilson(2*k, 2*n)
		if more.High-more.Low > got.High-got.Low {
			t.Fatalf("%d of %d: twice the runs say less: %v, %v", k, n, got, more)
		}
	})
}

// The tea tasting of Fisher's Design of Experiments (1935): 8 cups, 4 of each
// kind; all right 1 of 70, three of four 17 of 70.
func TestFisherAgreesWithTheLadyTastingTea(t *testing.T) {
	for _, c := range []struct {
		failedBefore, before, failedAfter, after int
		want                                     float64
	}{
		{0, 4, 4, 4, 1.0 / 70},
		{1, 4, 3, 4, 17.0 / 70},
		{0, 10, 2, 2, 1.0 / 66},
		{0, 4, 0, 4, 1},
		{0, 0, 3, 3, 1},
		{2, 5, 0, 0, 1},
	} {
		got := ledger.Fisher(c.failedBefore, c.before, c.failedAfter, c.after)
		if math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestFisherIsAProbabilityThatFallsWithMoreFailures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := rapid.IntRange(1, 60).Draw(t, "before"), rapid.IntRange(1, 60).Draw(t, "after")
		failedBefore := rapid.IntRange(0, before).Draw(t, "failed before")
		last := 1.0
		for k := range after + 1 {
			p := ledger.Fisher(failedBefore, before, k, after)
			if p < 0 || p > last+1e-6 {
				t.Fatalf("%d of %d before, %d of %d after: %v after %v", failedBefore, before, k, after, p, last)
			}
			last = p
		}
	})
}

// The example of section 3 of Holm's paper in numbers: each p-value is multiplied
// by how many are not smaller, and never falls below the one before it.
func TestHolm(t *testing.T) {
	got := ledger.Holm([]float64{0.04, 0.01, 0.03, 0.005})
	for i, want := range []float64{0.06, 0.03, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("%d: got %v, want %v", i, got[i], want)
		}
	}
	if got := ledger.Holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("got %v", got)
	}
}
