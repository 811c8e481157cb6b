package logs

import (
	_ "embed" // of the default rules
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed rules.yaml
var defaultRules []byte

// Rules decide which lines are recorded: the first that matches.
type Rules struct{ list []rule }

type rule struct {
	keep      bool
	container *regexp.Regexp // nil: any
	logger    *regexp.Regexp
	msg       *regexp.Regexp
	record    *regexp.Regexp
	level     []string
	severity  []string
	unparsed  bool
}

// ruleFile is the form of a rule file.
type ruleFile struct {
	Rules []struct {
		Name      string   `json:"name"`
		Keep      *bool    `json:"keep"`
		Container string   `json:"container"`
		Logger    string   `json:"logger"`
		Msg       string   `json:"msg"`
		Record    string   `json:"record"`
		Level     []string `json:"level"`
		Severity  []string `json:"severity"`
		Unparsed  bool     `json:"unparsed"`
	} `json:"rules"`
}

// DefaultRules are those of rules.yaml.
func DefaultRules() *Rules {
	r, err := ParseRules(defaultRules)
	if err != nil {
		panic(err) // a test reads them
	}
	return r
}

// DefaultRulesText is the default rule file: a start for one's own.
func DefaultRulesText() string { return string(defaultRules) }

// LoadRules reads a rule file.
func LoadRules(path string) (*Rules, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the rules for logs: %w", err)
	}
	r, err := ParseRules(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// ParseRules reads rules. Keys that do not exist are errors.
func ParseRules(text []byte) (*Rules, error) {
	var file ruleFile
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, fmt.Errorf("these are no rules for logs: %w", err)
	}
	if len(file.Rules) == 0 {
		return nil, fmt.Errorf("there are no rules: nothing would be recorded; leave the logs out with --logs=false instead")
	}
	out := &Rules{}
	for i, f := range file.Rules {
		r := rule{
			keep: f.Keep == nil || *f.Keep, severity: f.Severity, unparsed: f.Unparsed,
		}
		for _, level := range f.Level {
			r.level = append(r.level, normalLevel(level))
		}
		for _, c := range []struct {
			name, text string
			into       **regexp.Regexp
		}{
			{"container", f.Container, &r.container}, {"logger", f.Logger, &r.logger},
			{"msg", f.Msg, &r.msg}, {"record", f.Record, &r.record},
		} {
			if c.text == "" {
				continue
			}
			compiled, err := regexp.Compile(c.text)
			if err != nil {
				return nil, fmt.Errorf("rule %d (%s): %s: %w", i+1, f.Name, c.name, err)
			}
			*c.into = compiled
		}
		out.list = append(out.list, r)
	}
	return out, nil
}

// keeps reports whether a line is to be recorded.
func (r *Rules) keeps(l *line) bool {
	for i := range r.list {
		if r.list[i].matches(l) {
			return r.list[i].keep
		}
	}
	return false
}

func (r *rule) matches(l *line) bool {
	fits := func(re *regexp.Regexp, text string) bool { return re == nil || re.MatchString(text) }
	switch {
	case r.unparsed && !l.unparsed:
		return false
	case len(r.level) > 0 && !slices.Contains(r.level, l.Level):
		return false
	case len(r.severity) > 0 && !slices.Contains(r.severity, l.severity):
		return false
	}
	return fits(r.container, l.Container) && fits(r.logger, l.Logger) && fits(r.msg, l.Msg) && fits(r.record, l.record)
}

// normalLevel writes the names of levels in one way.
func normalLevel(level string) string {
	switch level = strings.ToLower(level); level {
	case "warn":
		return "warning"
	case "err":
		return "error"
	}
	return level
}
