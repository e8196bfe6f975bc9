package docs

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// schemas are those of one provider, as Terraform's JSON has them.
type schemas struct {
	Provider    any            `json:"provider"`
	Resources   map[string]any `json:"resource_schemas"`
	DataSources map[string]any `json:"data_source_schemas"`
	Actions     map[string]any `json:"action_schemas"`
	Functions   map[string]any `json:"functions"`
	Identities  map[string]any `json:"resource_identity_schemas"`
}

// The documentation is generated from schemas that the provider tells in its
// own process. They are what Terraform gets, apart from what it is too old for.
func TestSchemasAreThoseThatTerraformGets(t *testing.T) {
	t.Parallel()
	ours := ourSchemas(t)
	w := newWorkspace(t)
	w.write("main.tf", terraformBlock)
	w.run("init", "-input=false")
	theirs, code := w.try("providers", "schema", "-json")
	if code != 0 {
		t.Fatal(theirs)
	}

	want := schemasOf(t, ours)
	got := schemasOf(t, []byte(theirs))
	for _, c := range []struct {
		what      string
		got, want any
		known     bool
	}{
		{"provider", got.Provider, want.Provider, true},
		{"resources", got.Resources, unprefixed(want.Resources), true},
		{"data sources", got.DataSources, unprefixed(want.DataSources), true},
		{"actions", got.Actions, unprefixed(want.Actions), atLeast("1.14", "")},
		{"functions", got.Functions, want.Functions, true},
		{"identities", got.Identities, unprefixed(want.Identities), atLeast("1.12", "1.12")},
	} {
		if c.known && !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: Terraform gets\n%s\nand the documentation is made from\n%s", c.what, indented(t, c.got), indented(t, c.want))
		}
	}
	if len(got.Resources) == 0 {
		t.Error("there are no resources")
	}
}

// ourSchemas returns what the documentation is generated from.
func ourSchemas(t *testing.T) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./internal/docs/schema")
	command.Dir = root
	ours, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return ours
}

func schemasOf(t *testing.T, document []byte) schemas {
	t.Helper()
	var doc struct {
		Providers map[string]schemas `json:"provider_schemas"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Providers) != 1 {
		t.Fatalf("there are %d providers", len(doc.Providers))
	}
	for _, s := range doc.Providers {
		return s
	}
	return schemas{}
}

// unprefixed takes off what the generator needs before the types' names.
func unprefixed(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for name, s := range m {
		out[strings.TrimPrefix(name, "offsets_")] = s
	}
	return out
}

func indented(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
