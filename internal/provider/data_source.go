package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// dataSource is what the data sources have in common.
type dataSource struct {
	services *services
	typeName string
	about    string
	schema   func() map[string]schema.Attribute
}

// Metadata names the data source.
func (d *dataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = d.typeName
}

// Schema describes the data source.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: d.about, Attributes: d.schema()}
}

// Configure takes the provider's clients.
func (d *dataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.services = servicesOf(req.ProviderData, &resp.Diagnostics)
}

// dataAttributes returns the arguments of a data source and what it computes.
func dataAttributes(arguments map[string]argument, computed map[string]schema.Attribute) map[string]schema.Attribute {
	for name, a := range arguments {
		computed[name] = a.attribute()
	}
	return computed
}

func dataText(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

func dataNumber(description string) schema.Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: description}
}

// dataOffsets describes offsets in the very form that a resource's offsets take.
func dataOffsets(description string) schema.Attribute {
	return schema.MapAttribute{ElementType: offsetsType, Computed: true, MarkdownDescription: description + " It has the form that a resource's `offsets` takes."}
}

// look opens a client and asks it, and tells what went wrong: on an attribute,
// or on what is looked at.
func look[C, R any](diags *diag.Diagnostics, what string, at attributes, open func() (C, error), ask func(C) (R, error)) (found R, ok bool) {
	client, err := open()
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return found, false
	}
	found, err = ask(client)
	if err != nil {
		diags.Append(diagnose(what, err, at))
		return found, false
	}
	return found, true
}

// kafkaOffsets are the offsets that a data source of Kafka tells, in each form.
type kafkaOffsets struct {
	Offsets    types.Map    `tfsdk:"offsets"`
	OffsetsCSV types.String `tfsdk:"offsets_csv"`
	Record     types.String `tfsdk:"record"`
}

func kafkaOffsetsAttributes(offsets, record string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"offsets":     dataOffsets(offsets),
		"offsets_csv": dataText("The same offsets as lines of `topic,partition,offset`: what a resource's `offsets_csv` takes, and `kafka-consumer-groups --reset-offsets --from-file`."),
		"record":      dataText(record + " Take it apart with `jsondecode`."),
	}
}

// tell takes the offsets from a column of the table.
func (k *kafkaOffsets) tell(t *table, column string) {
	offsets := t.offsets(column)
	k.Offsets, k.OffsetsCSV, k.Record = offsetsValue(offsets), types.StringValue(offset.EncodeCSV(offsets)), t.record()
}
