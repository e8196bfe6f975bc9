package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// document is what `terraform providers schema -json` prints, as far as this
// provider needs it.
type document struct {
	FormatVersion string                    `json:"format_version"`
	Providers     map[string]providerSchema `json:"provider_schemas"`
}

type providerSchema struct {
	Provider    *schema                    `json:"provider,omitempty"`
	Resources   map[string]*schema         `json:"resource_schemas,omitempty"`
	DataSources map[string]*schema         `json:"data_source_schemas,omitempty"`
	Actions     map[string]*schema         `json:"action_schemas,omitempty"`
	Functions   map[string]*function       `json:"functions,omitempty"`
	Identities  map[string]*identitySchema `json:"resource_identity_schemas,omitempty"`
}

type schema struct {
	Version *int64 `json:"version,omitempty"` // actions have none
	Block   *block `json:"block"`
}

type block struct {
	Attributes      map[string]*attribute   `json:"attributes,omitempty"`
	BlockTypes      map[string]*nestedBlock `json:"block_types,omitempty"`
	Description     string                  `json:"description,omitempty"`
	DescriptionKind string                  `json:"description_kind,omitempty"`
	Deprecated      bool                    `json:"deprecated,omitempty"`
}

type nestedBlock struct {
	NestingMode string `json:"nesting_mode"`
	Block       *block `json:"block"`
	MinItems    int64  `json:"min_items,omitempty"`
	MaxItems    int64  `json:"max_items,omitempty"`
}

type attribute struct {
	Type            tftypes.Type `json:"type,omitempty"`
	NestedType      *nestedType  `json:"nested_type,omitempty"`
	Description     string       `json:"description,omitempty"`
	DescriptionKind string       `json:"description_kind,omitempty"`
	Deprecated      bool         `json:"deprecated,omitempty"`
	Required        bool         `json:"required,omitempty"`
	Optional        bool         `json:"optional,omitempty"`
	Computed        bool         `json:"computed,omitempty"`
	Sensitive       bool         `json:"sensitive,omitempty"`
	WriteOnly       bool         `json:"write_only,omitempty"`
}

type nestedType struct {
	Attributes  map[string]*attribute `json:"attributes,omitempty"`
	NestingMode string                `json:"nesting_mode"`
}

type function struct {
	Description string       `json:"description,omitempty"`
	Summary     string       `json:"summary,omitempty"`
	ReturnType  tftypes.Type `json:"return_type"`
	Parameters  []*parameter `json:"parameters,omitempty"`
}

type parameter struct {
	Name        string       `json:"name,omitempty"`
	Description string       `json:"description,omitempty"`
	Nullable    bool         `json:"is_nullable,omitempty"`
	Type        tftypes.Type `json:"type"`
}

type identitySchema struct {
	Version    int64                         `json:"version"`
	Attributes map[string]*identityAttribute `json:"attributes,omitempty"`
}

type identityAttribute struct {
	Type              tftypes.Type `json:"type"`
	Description       string       `json:"description,omitempty"`
	RequiredForImport bool         `json:"required_for_import,omitempty"`
	OptionalForImport bool         `json:"optional_for_import,omitempty"`
}

// marshal returns the schemas of a provider under the given name, each type's
// name with the given prefix before it. Functions have no prefix.
func marshal(ctx context.Context, server tfprotov6.ProviderServer, name, prefix string) ([]byte, error) {
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("get the schemas: %w", err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, fmt.Errorf("get the identity schemas: %w", err)
	}
	if err := diagnosed(slices.Concat(schemas.Diagnostics, identities.Diagnostics)); err != nil {
		return nil, err
	}

	actions := make(map[string]*schema, len(schemas.ActionSchemas))
	for action, s := range schemas.ActionSchemas {
		actions[prefix+action] = &schema{Block: newBlock(s.Schema.Block)}
	}
	return json.MarshalIndent(document{
		FormatVersion: "1.0",
		Providers: map[string]providerSchema{name: {
			Provider:    newSchema(schemas.Provider),
			Resources:   renamed(schemas.ResourceSchemas, prefix, newSchema),
			DataSources: renamed(schemas.DataSourceSchemas, prefix, newSchema),
			Actions:     actions,
			Functions:   renamed(schemas.Functions, "", newFunction),
			Identities:  renamed(identities.IdentitySchemas, prefix, newIdentity),
		}},
	}, "", "  ")
}

// diagnosed returns the errors among the diagnostics.
func diagnosed(diagnostics []*tfprotov6.Diagnostic) error {
	var errs []error
	for _, d := range diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			errs = append(errs, fmt.Errorf("%s: %s", d.Summary, d.Detail))
		}
	}
	return errors.Join(errs...)
}

// renamed converts a map's values and puts a prefix before its keys.
func renamed[In, Out any](in map[string]In, prefix string, convert func(In) Out) map[string]Out {
	out := make(map[string]Out, len(in))
	for _, key := range slices.Sorted(maps.Keys(in)) {
		out[prefix+key] = convert(in[key])
	}
	return out
}

func newSchema(s *tfprotov6.Schema) *schema {
	if s == nil {
		return nil
	}
	return &schema{Version: &s.Version, Block: newBlock(s.Block)}
}

func newBlock(b *tfprotov6.SchemaBlock) *block {
	if b == nil {
		return nil
	}
	out := &block{
		Attributes:      newAttributes(b.Attributes),
		BlockTypes:      make(map[string]*nestedBlock, len(b.BlockTypes)),
		Description:     b.Description,
		DescriptionKind: kind(b.DescriptionKind),
		Deprecated:      b.Deprecated,
	}
	for _, n := range b.BlockTypes {
		out.BlockTypes[n.TypeName] = &nestedBlock{
			NestingMode: strings.ToLower(n.Nesting.String()),
			Block:       newBlock(n.Block),
			MinItems:    n.MinItems,
			MaxItems:    n.MaxItems,
		}
	}
	return out
}

func newAttributes(attributes []*tfprotov6.SchemaAttribute) map[string]*attribute {
	out := make(map[string]*attribute, len(attributes))
	for _, a := range attributes {
		out[a.Name] = &attribute{
			Type:            a.Type,
			NestedType:      newNestedType(a.NestedType),
			Description:     a.Description,
			DescriptionKind: kind(a.DescriptionKind),
			Deprecated:      a.Deprecated,
			Required:        a.Required,
			Optional:        a.Optional,
			Computed:        a.Computed,
			Sensitive:       a.Sensitive,
			WriteOnly:       a.WriteOnly,
		}
	}
	return out
}

func newNestedType(o *tfprotov6.SchemaObject) *nestedType {
	if o == nil {
		return nil
	}
	return &nestedType{
		Attributes:  newAttributes(o.Attributes),
		NestingMode: strings.ToLower(o.Nesting.String()),
	}
}

func newIdentity(s *tfprotov6.ResourceIdentitySchema) *identitySchema {
	out := &identitySchema{
		Version:    s.Version,
		Attributes: make(map[string]*identityAttribute, len(s.IdentityAttributes)),
	}
	for _, a := range s.IdentityAttributes {
		out.Attributes[a.Name] = &identityAttribute{
			Type:              a.Type,
			Description:       a.Description,
			RequiredForImport: a.RequiredForImport,
			OptionalForImport: a.OptionalForImport,
		}
	}
	return out
}

func newFunction(f *tfprotov6.Function) *function {
	out := &function{Description: f.Description, Summary: f.Summary, ReturnType: f.Return.Type}
	for _, p := range f.Parameters {
		out.Parameters = append(out.Parameters, &parameter{Name: p.Name, Description: p.Description, Nullable: p.AllowNullValue, Type: p.Type})
	}
	return out
}

// kind returns the JSON document's word for the form of a description.
func kind(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
