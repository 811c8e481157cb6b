package lib.sizes

above(samples, limit) := {s | some s in samples; s.size > limit}
