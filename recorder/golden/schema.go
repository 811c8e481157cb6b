package golden

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema compiles a JSON schema. It demands the formats too, such as date-time.
func Schema(t testing.TB, text []byte) *jsonschema.Schema {
	t.Helper()
	return compile(t, JSON(t, text))
}

// Closed compiles a JSON schema that refuses every key which it does not describe.
func Closed(t testing.TB, text []byte) *jsonschema.Schema {
	t.Helper()
	document := JSON(t, text)
	closeObjects(document)
	return compile(t, document)
}

// JSON parses a document as schemas judge it: with numbers of any size.
func JSON(t testing.TB, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compile(t testing.TB, document any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"]; ok {
			v["additionalProperties"] = false
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
}
