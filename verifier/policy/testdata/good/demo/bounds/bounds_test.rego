package demo.bounds_test

import data.demo.bounds

test_above if count(bounds.violation) == 1 with input as {"limit": 1, "samples": [{"seq": 1, "t": 0, "size": 2}]}

test_time if time.now_ns() > 0
