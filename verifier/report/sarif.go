package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// The objects of SARIF 2.1.0 (OASIS) that we write.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Automation  sarifAutomation   `json:"automationDetails"`
		Invocations []sarifInvocation `json:"invocations"`
		Artifacts   []sarifArtifact   `json:"artifacts"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
		Properties  map[string]any    `json:"properties"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string         `json:"id"`
		Short   sarifMessage   `json:"shortDescription"`
		Full    sarifMessage   `json:"fullDescription"`
		Help    sarifMessage   `json:"help"`
		Default sarifDefault   `json:"defaultConfiguration"`
		Props   map[string]any `json:"properties"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		ExitCode      int                 `json:"exitCode"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string        `json:"level"`
		Message sarifMessage  `json:"message"`
		Rule    *sarifRuleRef `json:"associatedRule,omitempty"`
	}
	sarifRuleRef struct {
		ID    string `json:"id"`
		Index int    `json:"index"`
	}
	sarifArtifact struct {
		Location sarifURI `json:"location"`
		Roles    []string `json:"roles"`
	}
	sarifURI struct {
		URI   string `json:"uri"`
		Index int    `json:"index"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifURI    `json:"artifactLocation"`
		Region   sarifRegion `json:"region"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name      string `json:"name"`
		Qualified string `json:"fullyQualifiedName"`
		Kind      string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

const (
	sarifSchema      = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifFingerprint = "hindsight/v1"
	informationURI   = "https://github.com/hindsight-project/hindsight"
)

// sarifKinds are the words of SARIF for the verdicts. Its level is none unless
// the kind is fail. An error is open, and a notification too.
var sarifKinds = map[verdict.Level]string{
	verdict.Violated: "fail", verdict.Error: "open", verdict.Inconclusive: "open",
	verdict.Vacuous: "notApplicable", verdict.Held: "pass",
}

// wholeFile is the place in a trace of everything: it has no lines, but code
// scanning shows nothing that has none.
var wholeFile = sarifRegion{StartLine: 1}

// writeSARIF writes a run for each trace, with a result for each finding, and one
// for each policy without a finding.
func writeSARIF(w io.Writer, run verdict.Run, o Options) error {
	log := sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{}}
	for i, name := range names(run) {
		log.Runs = append(log.Runs, sarifRunOf(name, run.Traces[i], run, o))
	}
	text, err := json.MarshalIndent(log, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func sarifRunOf(name string, t verdict.Trace, run verdict.Run, o Options) sarifRun {
	out := sarifRun{
		Automation: sarifAutomation{ID: "hindsight/" + name},
		Artifacts:  []sarifArtifact{{sarifURI{URI: sarifURIOf(t.File)}, []string{"analysisTarget"}}},
		Results:    []sarifResult{},
		ColumnKind: "unicodeCodePoints",
		Properties: map[string]any{
			"verdict": t.Verdict.String(), "digest": t.Digest, "policies": run.Policies.Digest, "ciClass": run.Policies.CIClass,
		},
	}
	out.Tool.Driver = sarifDriver{
		Name: toolName, Version: o.Version, InformationURI: informationURI, Rules: []sarifRule{},
	}
	in := sarifInvocation{Successful: t.Error == "", ExitCode: run.ExitCode}
	if t.Error != "" {
		in.Notifications = append(in.Notifications, sarifNotification{Level: "error", Message: sarifMessage{Text: t.Error}})
	}
	for i, p := range t.Policies {
		out.Tool.Driver.Rules = append(out.Tool.Driver.Rules, sarifRuleOf(p))
		out.Results = append(out.Results, sarifResults(i, p, out.Artifacts[0].Location)...)
		for _, e := range p.Errors {
			in.Successful = false
			in.Notifications = append(in.Notifications, sarifNotification{
				Level: "error", Message: sarifMessage{Text: e.Entity + ": " + e.Text}, Rule: &sarifRuleRef{p.ID, i},
			})
		}
	}
	out.Invocations = []sarifInvocation{in}
	return out
}

// sarifURIOf writes a path as a URI: relative to where the command ran, or whole.
func sarifURIOf(file string) string {
	u := url.URL{Path: filepath.ToSlash(file)}
	if path.IsAbs(u.Path) {
		u.Scheme = "file"
	}
	return u.String()
}

func sarifRuleOf(p verdict.Policy) sarifRule {
	help := []string{p.Promise}
	if p.Requirement != "" {
		help = append(help, "Requirement: "+p.Requirement)
	}
	help = append(help, fmt.Sprintf("Policy: %s:%d", p.File, p.Line), "More: verifier explain "+p.ID)
	props := map[string]any{"view": p.View, "demand": p.Demand}
	if p.Severity != "" {
		props["tags"] = []string{p.Severity}
	}
	return sarifRule{
		ID: p.ID, Short: sarifMessage{Text: p.Title + "."}, Full: sarifMessage{Text: p.Promise},
		Help:    sarifMessage{Text: strings.Join(help, "\n"), Markdown: strings.Join(help, "\n\n")},
		Default: sarifDefault{sarifLevel(p)}, Props: props,
	}
}

// sarifLevel is how bad a violation of the policy is.
func sarifLevel(p verdict.Policy) string {
	if p.Severity == "minor" {
		return "warning"
	}
	return "error"
}

// sarifResults tells the findings of a policy; where there are none, the verdict.
func sarifResults(index int, p verdict.Policy, file sarifURI) []sarifResult {
	base := sarifResult{
		RuleID: p.ID, RuleIndex: index, Kind: sarifKinds[p.Verdict], Level: "none",
		Message: sarifMessage{Text: summary(p)}, Locations: []sarifLocation{{Physical: sarifPhysical{file, wholeFile}}},
		Fingerprints: map[string]string{sarifFingerprint: p.ID},
		Properties:   map[string]any{"verdict": p.Verdict.String(), "exercised": p.Exercised, "counts": p.Counts()},
	}
	if p.Allowed {
		base.Suppressions = []sarifSuppression{{"external", "accepted", "let pass by --allow or by a waiver"}}
	}
	if p.Verdict != verdict.Violated || len(p.Findings) == 0 {
		return []sarifResult{base}
	}
	var out []sarifResult
	for _, f := range p.Findings {
		r := base
		r.Level = sarifLevel(p)
		r.Message = sarifMessage{Text: sarifText(f)}
		r.Fingerprints = map[string]string{sarifFingerprint: f.ID}
		r.Locations = []sarifLocation{{
			Physical: sarifPhysical{file, wholeFile},
			Logical:  []sarifLogical{{Name: path.Base(f.Entity), Qualified: f.Entity, Kind: "resource"}},
		}}
		r.Properties = map[string]any{
			"verdict": p.Verdict.String(), "code": f.Code, "class": f.Class, "seq": f.Seq, "got": f.Got, "want": f.Want,
		}
		if f.FoldedUnder != "" {
			r.Properties["foldedUnder"] = f.FoldedUnder
		}
		r.Suppressions = nil
		if f.Waived != "" {
			r.Suppressions = []sarifSuppression{{"external", "accepted", f.Waived}}
		}
		out = append(out, r)
	}
	return out
}

// sarifText says what is wrong, with what shows it.
func sarifText(f verdict.Finding) string {
	lines := []string{
		f.Code + after(f.Code, f.Message),
		"got " + value(f.Got, f.Unit) + difference(f) + ", want " + value(f.Want, f.Unit),
	}
	if f.Took != nil {
		lines = append(lines, "took "+took(f.Took))
	}
	lines = append(lines, blame(f.Blame)...)
	for _, e := range f.Events {
		line := fmt.Sprintf("seq %d at %s: %s %s", e.Seq, offset(e.Time), e.Type, e.Object)
		if len(e.Changes) > 0 {
			line += ": " + e.Changes[0]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
