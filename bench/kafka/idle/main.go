// Command idle is a Terraform provider whose resources do nothing: what an
// apply costs with any provider made with the framework, what a record in the
// state adds to it, and what a long list of attributes does.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func main() {
	// As the provider under measurement does, so that the SDK's log is not what differs.
	if err := os.Setenv("TF_LOG_SDK", "OFF"); err != nil {
		log.Fatal(err)
	}
	err := providerserver.Serve(context.Background(), func() provider.Provider { return idle{} },
		providerserver.ServeOpts{Address: "registry.terraform.io/terraform-offsets/idle"})
	if err != nil {
		log.Fatal(err)
	}
}

type idle struct{}

func (idle) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "idle"
}
func (idle) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse)          {}
func (idle) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}
func (idle) DataSources(context.Context) []func() datasource.DataSource                        { return nil }
func (idle) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return thing{} },
		func() resource.Resource { return wide{} },
	}
}

// thing has a record and nothing else.
type thing struct{}

type model struct {
	Partitions types.Int64  `tfsdk:"partitions"`
	Record     types.String `tfsdk:"record"`
}

func (thing) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "idle_thing"
}

func (thing) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"partitions": schema.Int64Attribute{Required: true, Description: "How many partitions the record is made for; 0 for none."},
		"record":     schema.StringAttribute{Computed: true},
	}}
}

func (thing) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	m.Record = record(m.Partitions.ValueInt64())
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (thing) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	m.Record = record(m.Partitions.ValueInt64())
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (thing) Read(context.Context, resource.ReadRequest, *resource.ReadResponse)       {}
func (thing) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// attributes is how many the reset of a Kafka group has.
const attributes = 36

// valuesAttribute is the attribute of a wide thing that is not null beside its own.
const valuesAttribute = "attribute_number_35"

// values is about how many bytes a reset has in a state beside a wide thing's
// record and the names of its attributes: Terraform writes the whole state each
// time that a resource is done, so that each byte counts as often as there are
// resources.
const values = 270

// wide is a thing with so many attributes, and with a state as large as that of
// a reset. Those beside its own and one that holds the rest stay null, as most
// of a reset's do.
type wide struct{ thing }

func (wide) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "idle_wide"
}

func (w wide) Schema(ctx context.Context, req resource.SchemaRequest, resp *resource.SchemaResponse) {
	w.thing.Schema(ctx, req, resp)
	for i := len(resp.Schema.Attributes); i < attributes; i++ {
		resp.Schema.Attributes[fmt.Sprintf("attribute_number_%d", i)] = schema.StringAttribute{Optional: true}
	}
	resp.Schema.Attributes[valuesAttribute] = schema.StringAttribute{Computed: true}
}

func (wide) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var n types.Int64
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("partitions"), &n)...)
	resp.State.Raw = req.Plan.Raw
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("record"), record(n.ValueInt64()))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(valuesAttribute), strings.Repeat("v", values))...)
}

// Update cannot happen: a benchmark changes no configuration of it.
func (wide) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}

// record is what a reset of n partitions to the end of three records leaves,
// of a group that had no offsets.
func record(n int64) types.String {
	if n == 0 {
		return types.StringNull()
	}
	moves := make([]offset.Move, n)
	for i := range moves {
		moves[i] = offset.Move{Partition: offset.Partition{Topic: fmt.Sprintf("bench-%d", n), ID: int32(i)}, Previous: offset.None, Offset: 3, End: 3}
	}
	return types.StringValue(offset.EncodeRecord(offset.Outcomes(moves), offset.KafkaRecord))
}
