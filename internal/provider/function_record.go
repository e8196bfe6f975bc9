package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var (
	_ function.Function = recordOffsets{}
	_ function.Function = recordRows{}
)

var recordParameter = function.StringParameter{
	Name: "record", MarkdownDescription: "The attribute `record` of a reset, of Kafka or of RocketMQ.",
}

// readRecord reads the record in a function's first argument. Terraform ends a
// function's error with a full stop. The topic of a
// record of RocketMQ stands beside it in the state, not in it.
func readRecord(record string) ([]offset.Outcome, offset.Dialect, *function.FuncError) {
	dialect, err := offset.DialectOf(record)
	if err != nil {
		return nil, dialect, function.NewArgumentFuncError(0, err.Error())
	}
	outcomes, err := offset.DecodeRecord(record, dialect, "")
	if err != nil {
		return nil, dialect, function.NewArgumentFuncError(0, err.Error())
	}
	return outcomes, dialect, nil
}

// recordOffsets is the function record_offsets.
type recordOffsets struct{}

func newRecordOffsets() function.Function { return recordOffsets{} }

func (recordOffsets) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "record_offsets"
}

func (recordOffsets) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Take offsets out of a reset's record",
		MarkdownDescription: "Takes the offsets before a reset, or those that it set, out of its record, in the form that a resource's `offsets` takes: by topic and partition, or by broker and queue. " +
			"Partitions without such an offset are left out.",
		Parameters: []function.Parameter{
			recordParameter,
			function.StringParameter{Name: "which", MarkdownDescription: "`previous` for the offsets before the reset, or `offset` for those that it set."},
		},
		Return: function.MapReturn{ElementType: offsetsType},
	}
}

func (recordOffsets) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var record, which string
	if resp.Error = req.Arguments.Get(ctx, &record, &which); resp.Error != nil {
		return
	}
	if which != "previous" && which != "offset" {
		resp.Error = function.NewArgumentFuncError(1, fmt.Sprintf("%q is neither \"previous\" nor \"offset\"", which))
		return
	}
	outcomes, dialect, err := readRecord(record)
	if err != nil {
		resp.Error = err
		return
	}
	offsets := offset.Offsets{}
	for _, o := range outcomes {
		name, at := o.Topic, o.Previous
		if dialect == offset.RocketMQRecord {
			name = o.Broker
		}
		if which == "offset" {
			at = o.Offset
		}
		if at < 0 {
			continue
		}
		if offsets[name] == nil {
			offsets[name] = map[int32]int64{}
		}
		offsets[name][o.ID] = at
	}
	resp.Error = resp.Result.Set(ctx, offsetsValue(offsets))
}

// recordRows is the function record_rows.
type recordRows struct{}

func newRecordRows() function.Function { return recordRows{} }

func (recordRows) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "record_rows"
}

var rowType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"topic": types.StringType, "broker": types.StringType, "partition": types.NumberType,
	"previous": types.NumberType, "offset": types.NumberType, "start": types.NumberType, "end": types.NumberType,
	"moved": types.NumberType, "clamped": types.BoolType, "error": types.StringType,
}}

func (recordRows) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Make a list of a reset's record",
		MarkdownDescription: "Makes a list of a reset's record, with an object for each partition or queue in order: `topic` (null in a record of RocketMQ, which names none), `broker` (null in a record of Kafka), `partition` (or queue), " +
			"`previous`, `offset`, the log's `start` and `end`, `moved` (from `previous` to `offset`, negative if back), `clamped` and `error`. What there is not, or is not known, is null.",
		Parameters: []function.Parameter{recordParameter},
		Return:     function.ListReturn{ElementType: rowType},
	}
}

func (recordRows) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var record string
	if resp.Error = req.Arguments.Get(ctx, &record); resp.Error != nil {
		return
	}
	outcomes, dialect, err := readRecord(record)
	if err != nil {
		resp.Error = err
		return
	}
	rows := make([]attr.Value, 0, len(outcomes))
	for _, o := range outcomes {
		row := map[string]attr.Value{
			"topic": types.StringValue(o.Topic), "broker": types.StringNull(), "partition": numberValue(int64(o.ID)),
			"previous": numberOrNull(o.Previous), "offset": numberOrNull(o.Offset), "start": numberOrNull(o.Start), "end": numberOrNull(o.End),
			"moved": types.NumberNull(), "clamped": types.BoolValue(o.Clamped), "error": types.StringNull(),
		}
		if dialect == offset.RocketMQRecord {
			row["topic"], row["broker"] = types.StringNull(), types.StringValue(o.Broker)
		}
		if moved, known := o.Delta(); known {
			row["moved"] = numberValue(moved)
		}
		if o.Failed() {
			row["error"] = types.StringValue(o.Reason)
		}
		rows = append(rows, types.ObjectValueMust(rowType.AttrTypes, row))
	}
	resp.Error = resp.Result.Set(ctx, types.ListValueMust(rowType, rows))
}

func numberOrNull(n int64) types.Number {
	if n < 0 {
		return types.NumberNull()
	}
	return numberValue(n)
}
