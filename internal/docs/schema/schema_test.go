package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// described returns the schemas as the generator gets them.
func described(t *testing.T) providerSchema {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(provider.New("test"))()
	if err != nil {
		t.Fatal(err)
	}
	out, err := marshal(t.Context(), server, "offsets", "offsets_")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Providers map[string]json.RawMessage `json:"provider_schemas"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	// Types are an interface: only what is asked for here is read back.
	var p providerSchema
	if err := json.Unmarshal(withoutTypes(t, doc.Providers["offsets"]), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// withoutTypes drops the members "type" that describe a value, which cannot be
// read back into tftypes without its deprecated parser.
func withoutTypes(t *testing.T, document []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	var drop func(any)
	drop = func(v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if _, isAttribute := m["description_kind"]; isAttribute {
			delete(m, "type")
		}
		for _, member := range m {
			drop(member)
		}
	}
	drop(v)
	if p, ok := v.(map[string]any); ok {
		delete(p, "resource_identity_schemas")
		functions, _ := p["functions"].(map[string]any)
		for _, f := range functions {
			if f, ok := f.(map[string]any); ok {
				delete(f, "return_type")
				parameters, _ := f["parameters"].([]any)
				for _, p := range parameters {
					if p, ok := p.(map[string]any); ok {
						delete(p, "type")
					}
				}
			}
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTypesCarryThePrefixThatTheGeneratorLooksFor(t *testing.T) {
	p := described(t)
	for _, name := range slices.Concat(
		slices.Collect(maps.Keys(p.Resources)), slices.Collect(maps.Keys(p.DataSources)), slices.Collect(maps.Keys(p.Actions)),
	) {
		if !strings.HasPrefix(name, "offsets_") {
			t.Errorf("%s has no prefix", name)
		}
	}
	if p.Resources["offsets_kafka_consumer_offset_reset"] == nil {
		t.Error("kafka_consumer_offset_reset is missing")
	}
	if p.Provider == nil {
		t.Error("the provider's own schema is missing")
	}
}

// Whoever reads the documentation, or hovers over an argument in an editor,
// gets a sentence.
func TestEveryAttributeIsDescribedInSentences(t *testing.T) {
	p := described(t)
	checkBlock(t, "provider", p.Provider.Block, true)
	for kind, schemas := range map[string]map[string]*schema{"resource": p.Resources, "data source": p.DataSources, "action": p.Actions} {
		for name, s := range schemas {
			checkBlock(t, kind+" "+strings.TrimPrefix(name, "offsets_"), s.Block, true)
		}
	}
	for name, f := range p.Functions {
		checkDescription(t, "function "+name, f.Description)
		checkDescription(t, "function "+name+" in short", f.Summary+".")
		for _, parameter := range f.Parameters {
			checkDescription(t, "function "+name+": "+parameter.Name, parameter.Description)
		}
	}
	if len(p.Functions) == 0 {
		t.Error("there are no functions")
	}
}

func checkBlock(t *testing.T, where string, b *block, top bool) {
	t.Helper()
	if top {
		checkDescription(t, where, b.Description)
	}
	for name, a := range b.Attributes {
		checkAttribute(t, where+": "+name, a)
	}
	for name, n := range b.BlockTypes {
		checkBlock(t, where+": "+name, n.Block, true)
	}
}

func checkAttribute(t *testing.T, where string, a *attribute) {
	t.Helper()
	checkDescription(t, where, a.Description)
	if a.NestedType != nil {
		for name, nested := range a.NestedType.Attributes {
			checkAttribute(t, where+"."+name, nested)
		}
	}
}

func checkDescription(t *testing.T, where, description string) {
	t.Helper()
	switch {
	case description == "":
		t.Errorf("%s has no description", where)
	case !strings.ContainsRune(".:)", rune(description[len(description)-1])):
		t.Errorf("%s: the description is no sentence: %q", where, description)
	case startsSmall(description):
		t.Errorf("%s: the description begins with a small letter: %q", where, description)
	}
}

func startsSmall(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLower(r)
}
