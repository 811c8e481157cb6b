package views_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// written is a cluster to which a sentinel writes 1 to n from 10 s on, two events a second.
func written(t *testing.T, n int) *story {
	s := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, clusterKind, "pg", "c1", primaries("pg-1", "pg-1"))
	for i := 1; i <= n; i++ {
		at := 9 + float64(i)
		s.say(at, "sentinel.invoked", object{"n": i})
		s.say(at+0.5, "sentinel.acknowledged", object{
			"n": i, "instance": "pg-1", "timeline": 1, "lsn": fmt.Sprintf("0/%X", 0x1000*i),
		})
	}
	return s
}

// read records a complete read of the primary that lasted a second.
func (s *story) read(at float64, elements string, more object) *story {
	data := object{"instance": "pg-1", "primary": true, "complete": true, "elements": elements}
	merge(data, more)
	return s.say(at, "sentinel.read", data).since(at - 1)
}

// failover lets pg-2 take over between two moments.
func (s *story) failover(from, until float64, target string) *story {
	return s.put(from, clusterKind, "pg", "c1", primaries("pg-1", target)).
		put(until, clusterKind, "pg", "c1", primaries("pg-2", "pg-2"))
}

func elementsOf(d map[string]any, group string) string {
	g := d[group].(map[string]any)
	return fmt.Sprintf("%v (%v)", g["elements"], g["count"])
}

func TestElements(t *testing.T) {
	tests := []struct {
		name string
		tell func(s *story)
		want map[string]string // the groups that are not empty
		lost []string          // elements, crash, standby, told
	}{
		{"all are found", func(s *story) { s.read(60, "1-5", nil) }, map[string]string{"stable": "1-5 (5)"}, nil},
		{"some are lost", func(s *story) { s.read(60, "1-2,5", nil) },
			map[string]string{"stable": "1-2,5 (3)"}, []string{"3-4 false none true"}},
		{"found at last", func(s *story) { s.read(60, "1-4", nil).read(70, "1-5", nil) },
			map[string]string{"stable": "1-5 (5)"}, nil},
		{"lost at last", func(s *story) { s.read(60, "1-5", nil).read(70, "1-4", nil) },
			map[string]string{"stable": "1-4 (4)"}, []string{"5 false none true"}},
		{"no read", func(*story) {}, map[string]string{"never_read": "1-5 (5)"}, nil},
		{"a read that was not complete proves only what it found", func(s *story) {
			s.read(60, "1-2", object{"complete": false})
		}, map[string]string{"stable": "1-2 (2)", "never_read": "3-5 (3)"}, nil},
		{"a read of a standby proves no loss", func(s *story) {
			s.read(60, "1-2", object{"primary": false})
		}, map[string]string{"never_read": "1-5 (5)"}, nil},
		{"a read that began before the acknowledgement proves no loss", func(s *story) {
			s.read(14.9, "1-4", nil)
		}, map[string]string{"stable": "1-4 (4)", "never_read": "5 (1)"}, nil},
		{"nobody knows whether it was written, and it was not", func(s *story) {
			s.say(20, "sentinel.invoked", object{"n": 6}).
				say(21, "sentinel.unknown", object{"n": 6}).read(60, "1-5", nil)
		}, map[string]string{"stable": "1-5 (5)"}, nil},
		{"nobody knows whether it was written, and it was", func(s *story) {
			s.say(20, "sentinel.invoked", object{"n": 6}).
				say(21, "sentinel.unknown", object{"n": 6}).read(60, "1-6", nil)
		}, map[string]string{"stable": "1-5 (5)", "recovered": "6 (1)"}, nil},
		{"it was found once, and lost then", func(s *story) {
			s.say(20, "sentinel.invoked", object{"n": 6}).read(60, "1-6", nil).read(70, "1-5", nil)
		}, map[string]string{"stable": "1-5 (5)"}, []string{"6 false none false"}},
		{"the crashed primary alone has shown it", func(s *story) {
			s.say(20, "sentinel.invoked", object{"n": 6}).say(21, "sentinel.unknown", object{"n": 6}).
				read(22, "1-5", object{"instance": "pg-2", "primary": false}).
				failover(24, 30, "pending").read(26, "1-6", nil).read(60, "1-5", nil)
		}, map[string]string{"stable": "1-5 (5)"}, []string{"6 true lacked false"}},
		{"it failed, and is there", func(s *story) {
			s.say(20, "sentinel.invoked", object{"n": 6}).
				say(21, "sentinel.failed", object{"n": 6}).read(60, "1-6", nil)
		}, map[string]string{"stable": "1-5 (5)", "unexpected": "6 (1)"}, nil},
		{"it failed, and is not there", func(s *story) {
			s.say(20, "sentinel.invoked", object{"n": 6}).
				say(21, "sentinel.failed", object{"n": 6}).read(60, "1-5", nil)
		}, map[string]string{"stable": "1-5 (5)"}, nil},
		{"nobody wrote it", func(s *story) { s.read(60, "1-5,80-81", nil) },
			map[string]string{"stable": "1-5 (5)", "unexpected": "80-81 (2)"}, nil},
		{"found twice", func(s *story) { s.read(60, "1-5", object{"duplicates": "2"}) },
			map[string]string{"stable": "1-5 (5)", "duplicated": "2 (1)"}, nil},
		{"lost in a crash, the standby is not recorded", func(s *story) {
			s.failover(20, 25, "pending").read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4-5 true unknown true"}},
		{"lost in a crash, the standby lacked them", func(s *story) {
			s.read(16, "1-3", object{"instance": "pg-2", "primary": false}).
				failover(20, 25, "pending").read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4-5 true lacked true"}},
		{"lost in a crash, the standby had one", func(s *story) {
			s.read(16, "1-4", object{"instance": "pg-2", "primary": false}).
				failover(20, 25, "pending").read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4 true had true", "5 true lacked true"}},
		{"lost in a crash, the standby had reached one", func(s *story) {
			s.read(16, "", object{"instance": "pg-2", "primary": false, "complete": false, "lsn": "0/4000"}).
				failover(20, 25, "pending").read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4 true had true", "5 true lacked true"}},
		{"lost in a crash, another standby had them", func(s *story) {
			s.read(16, "1-5", object{"instance": "pg-3", "primary": false}).
				failover(20, 25, "pending").read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4-5 true unknown true"}},
		{"lost in a crash, the standby was read too late", func(s *story) {
			s.failover(20, 25, "pending").
				read(22, "1-5", object{"instance": "pg-2", "primary": false}).read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4-5 true unknown true"}},
		{"lost in a switchover", func(s *story) { s.failover(20, 25, "pg-2").read(60, "1-3", nil) },
			map[string]string{"stable": "1-3 (3)"}, []string{"4-5 false none true"}},
		{"lost though acknowledged after the crash", func(s *story) {
			s.failover(5, 8, "pending").read(60, "1-3", nil)
		}, map[string]string{"stable": "1-3 (3)"}, []string{"4-5 false none true"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := written(t, 5)
			test.tell(s)
			d := s.only("set")
			for _, group := range []string{"stable", "recovered", "never_read", "unexpected", "duplicated"} {
				want := test.want[group]
				if want == "" {
					want = " (0)"
				}
				if got := elementsOf(d, group); got != want {
					t.Errorf("%s: %s, want %s", group, got, want)
				}
			}
			if test.lost == nil {
				test.lost = []string{}
			}
			expect(t, pick(d["lost"], "elements", "crash", "standby", "told"), test.lost)
		})
	}
}

func TestCommitsThatWaitForAStandby(t *testing.T) {
	for _, test := range []struct {
		name string
		spec object
		want bool
	}{
		{"asynchronous", object{}, false},
		{"synchronous", object{"postgresql": object{"synchronous": object{"method": "any", "number": 1}}}, true},
		{"synchronous when possible", object{"postgresql": object{"synchronous": object{
			"method": "any", "number": 1, "dataDurability": "preferred",
		}}}, false},
		{"the older way", object{"minSyncReplicas": 1, "maxSyncReplicas": 1}, true},
		{"the older way, switched off", object{"minSyncReplicas": 0}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := written(t, 2).put(3, clusterKind, "pg", "c1", object{"spec": test.spec}).read(60, "1-2", nil)
			if got := s.only("set")["synchronous"]; got != test.want {
				t.Errorf("synchronous is %v", got)
			}
		})
	}
	later := written(t, 2).put(10.7, clusterKind, "pg", "c1", object{"spec": object{"minSyncReplicas": 1}})
	if later.only("set")["synchronous"] != false {
		t.Error("the first commit did not wait")
	}
}

func TestWhatInterruptedTheWriter(t *testing.T) {
	s := written(t, 5).
		put(3, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(12.2, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		failover(20, 25, "pending").
		put(30, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		read(26, "1-5", nil).
		read(27, "1-5", nil).
		read(40, "1-5", nil)
	d := s.only("set")
	rows := d["interruptions"].([]any)
	if len(rows) != 2 {
		t.Fatalf("%d interruptions, want 2", len(rows))
	}
	expect(t, pick(rows, "kind", "begin", "ended", "end"), []string{
		"growth 12.2s true 30s", "primary_changed 20s true 25s",
	})
	seq := func(at float64) string {
		for i, e := range s.events {
			if e.Time.Seconds() == at && strings.HasPrefix(string(e.Type), "sentinel") {
				return fmt.Sprint(i + 1)
			}
		}
		return "none"
	}
	expect(t, pick(rows, "write_before_seq", "read_after_seq"), []string{
		seq(11.5) + " " + seq(40), seq(14.5) + " " + seq(26),
	})
}

func TestWorkloads(t *testing.T) {
	s := written(t, 2).
		put(5, clusterKind, "other", "c2", dynamic("1Gi", "2Gi", nil)).
		say(50, "sentinel.acknowledged", object{"workload": "w", "n": 7})
	for i := range s.events {
		if e := &s.events[i]; strings.HasPrefix(string(e.Type), "sentinel") {
			e.Object = trace.Object{Resource: clusterKind, Namespace: "ns", Name: "pg"}
		}
	}
	got := []string{}
	for _, d := range project(t, s.file(), "set") {
		got = append(got, fmt.Sprint(d.Entity, " ", d.Value()["sentinel"], " ", d.Value()["acknowledged"]))
	}
	expect(t, got, []string{"ns/other false 0", "ns/pg/sentinel true 2", "ns/pg/w true 1"})
}

func TestATraceWithoutClustersHasASetToo(t *testing.T) {
	d := tell(t).say(1, trace.Mark, object{"phase": "x"}).documents("set")
	if d["trace"] == nil || d["trace"]["sentinel"] != false {
		t.Errorf("got %v", d)
	}
}

func TestSentinelEventsThatCannotBeRead(t *testing.T) {
	for _, test := range []struct {
		kind trace.Type
		data object
		want string
	}{
		{"sentinel.invoked", object{}, "event 1, sentinel.invoked: n is no number of an element"},
		{"sentinel.invoked", object{"n": -1}, "n is no number"},
		{"sentinel.read", object{"elements": "1-x"}, `elements: "1-x" is no interval of numbers (want 1-100,102)`},
		{"sentinel.read", object{"elements": "5-1"}, `"5-1" is no interval`},
		{"sentinel.read", object{"elements": "9007199254740993"}, "is no interval"},
		{"sentinel.read", object{"duplicates": "?"}, `duplicates: "?" is no interval`},
	} {
		r, err := trace.Open(tell(t).say(1, test.kind, test.data).file())
		if err != nil {
			t.Fatal(err)
		}
		_, err = views.Project(r, []string{"set"})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %s", test.data, err, test.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
