package mutation

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// AcceptedFile lists, at the root of a set of policies, the survivors that no
// test can kill or need kill: by policy, the id of each mutant and the reason.
//
//	accepted_mutants:
//	  policy-bounds:
//	    - id: 1f0c22ab
//	      reason: a claim is never requested with 1 byte
const AcceptedFile = "mutants.yaml"

type acceptedMutant struct {
	ID     string `yaml:"id"`
	Reason string `yaml:"reason"`
}

// acceptedList holds the accepted mutants by policy.
type acceptedList map[string][]acceptedMutant

// loadAccepted reads the list; a set without one accepts nothing.
func loadAccepted(fsys fs.FS) (acceptedList, error) {
	text, err := fs.ReadFile(fsys, AcceptedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		Accepted acceptedList `yaml:"accepted_mutants"`
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", AcceptedFile, err)
	}
	for policy, list := range file.Accepted {
		for i, m := range list {
			switch {
			case strings.TrimSpace(m.Reason) == "":
				return nil, fmt.Errorf("%s: %s: mutant %s has no reason", AcceptedFile, policy, m.ID)
			case slices.ContainsFunc(list[:i], func(o acceptedMutant) bool { return o.ID == m.ID }):
				return nil, fmt.Errorf("%s: %s: mutant %s is listed twice", AcceptedFile, policy, m.ID)
			}
		}
	}
	return file.Accepted, nil
}

// demandSubjects refuses entries for policies that there are not.
func (l acceptedList) demandSubjects(subjects []subject) error {
	for policy := range l {
		if !slices.ContainsFunc(subjects, func(s subject) bool { return s.id == policy }) {
			return fmt.Errorf("%s: there is no policy or library %q", AcceptedFile, policy)
		}
	}
	return nil
}

// apply notes the reasons in the survivors. An entry that names no survivor is
// stale: the policy changed or a test kills the mutant now.
func (l acceptedList) apply(p *PolicyStrength) error {
	var stale []string
	for _, m := range l[p.ID] {
		i := slices.IndexFunc(p.Survivors, func(s Survivor) bool { return s.ID == m.ID })
		if i < 0 {
			stale = append(stale, m.ID)
			continue
		}
		p.Survivors[i].Reason = strings.Join(strings.Fields(m.Reason), " ")
	}
	if len(stale) > 0 {
		return fmt.Errorf("%s: %s: no mutant that survives is called %s; take the stale entries out",
			AcceptedFile, p.ID, strings.Join(stale, ", "))
	}
	p.count()
	return nil
}
