package sentinel

import (
	"strings"
	"testing"
)

func TestAClusterMadeFromASnapshotHasASchemaOfItsOwn(t *testing.T) {
	run := "ds-e2e-20260102t030405z-" + strings.Repeat("long", 20)
	source, restored := schemaOf(run, "uid-1"), schemaOf(run, "uid-2")
	if source == restored {
		t.Errorf("both write to %s", source)
	}
	if again := schemaOf(run, "uid-1"); again != source {
		t.Errorf("%s, and when the recording is resumed %s", source, again)
	}
	for _, name := range []string{source, restored, schemaOf(run, "")} {
		if len(name) > identifierMax || !strings.HasPrefix(name, "hindsight_") {
			t.Errorf("%q is no name of a schema", name)
		}
	}
}
