package ledger

import (
	"cmp"
	"math"
	"math/big"
	"slices"
)

// z95 is the 97.5 % quantile of the normal distribution: intervals have 95 %.
const z95 = 1.959963984540054

// Interval is where a rate lies with a confidence of 95 %.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Wilson returns the score interval of a rate after so many successes in so many
// trials, without a correction for continuity: E. B. Wilson, Probable inference,
// the law of succession, and statistical inference, JASA 22 (1927), 209. It is
// meaningful for few trials and for rates of 0 and 1, where the usual one is not.
// Without trials it is the whole range.
func Wilson(successes, trials int) Interval {
	if trials <= 0 {
		return Interval{0, 1}
	}
	n := float64(trials)
	p := float64(successes) / n
	centre := p + z95*z95/(2*n)
	spread := z95 * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	scale := 1 + z95*z95/n
	out := Interval{round((centre - spread) / scale), round((centre + spread) / scale)}
	if successes == 0 {
		out.Low = 0
	}
	if successes == trials {
		out.High = 1
	}
	return out
}

// Fisher returns the one-sided p-value of Fisher's exact test: how likely at least
// this many of all failures are among the trials after, if before and after fail
// equally often (R. A. Fisher, Statistical Methods for Research Workers, 1934,
// section 21.02). It is the plain tail of the hypergeometric distribution and not
// the mid-p: it never promises more than it keeps, at the price of finding less.
// The sum is exact. Without trials on one side it is 1.
func Fisher(failedBefore, before, failedAfter, after int) float64 {
	if before <= 0 || after <= 0 {
		return 1
	}
	failed := failedBefore + failedAfter
	ways := func(among, choose int) *big.Int { return new(big.Int).Binomial(int64(among), int64(choose)) }
	tail := new(big.Int)
	for k := failedAfter; k <= min(failed, after); k++ {
		if failed-k <= before {
			tail.Add(tail, new(big.Int).Mul(ways(after, k), ways(before, failed-k)))
		}
	}
	p, _ := new(big.Rat).SetFrac(tail, ways(before+after, failed)).Float64()
	return round(p)
}

// Holm returns p-values that may be compared with one level however many there
// are: the chance of even one false alarm among them stays below it (S. Holm, A
// simple sequentially rejective multiple test procedure, Scand. J. Statist. 6
// (1979), 65).
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	worst := 0.0
	for rank, i := range order {
		worst = max(worst, min(1, p[i]*float64(len(p)-rank)))
		out[i] = round(worst)
	}
	return out
}

// round keeps six digits, so that all machines write the same ones.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }
