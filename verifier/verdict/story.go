package verdict

// Story is what happened during a recording, whatever the policies say of it; see
// the package story.
type Story struct {
	Setup   []string `json:"setup"`   // what there was, one cluster a line
	Asked   []string `json:"asked"`   // what the run was for, as far as it says so
	Moments []Moment `json:"moments"` // in the order in which they began
}

// Moment is one thing that happened, from one time to another, ns since the start
// of the trace. Both are the same for what takes no time.
type Moment struct {
	Kind    string `json:"kind"`              // see the package story
	Cluster string `json:"cluster,omitempty"` // namespace/name; empty: of no cluster, or of all
	Entity  string `json:"entity,omitempty"`  // of its document, where it has one
	Cause   string `json:"cause,omitempty"`   // entity of the moment from which it follows
	Text    string `json:"text"`
	From    int64  `json:"from_ns"`
	Until   int64  `json:"until_ns"`
	Open    bool   `json:"open,omitzero"`   // the trace, or its cluster, ends before it does
	Failed  bool   `json:"failed,omitzero"` // a spec that failed
	Seq     uint64 `json:"seq"`             // the event that begins it
}
