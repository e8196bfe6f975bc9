package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var (
	_ function.Function = csvEncode{}
	_ function.Function = csvDecode{}
)

// csvEncode is the function csv_encode.
type csvEncode struct{}

func newCSVEncode() function.Function { return csvEncode{} }

func (csvEncode) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "csv_encode"
}

func (csvEncode) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Write offsets as CSV",
		MarkdownDescription: "Writes offsets as lines of `topic,partition,offset`, sorted and without a heading: what `kafka-consumer-groups --reset-offsets --from-file` reads. " +
			"Offsets of RocketMQ become lines of broker, queue and offset.",
		Parameters: []function.Parameter{function.MapParameter{
			Name: "offsets", ElementType: offsetsType,
			MarkdownDescription: "The offset of each partition: a map of topic to a map of partition to offset, as in the argument `offsets` of a resource.",
		}},
		Return: function.StringReturn{},
	}
}

func (csvEncode) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var offsets types.Map
	if resp.Error = req.Arguments.Get(ctx, &offsets); resp.Error != nil {
		return
	}
	offsetsMap{outer: "topic", inner: "partition", name: notEmpty}.check(offsets, path.Root("offsets"), func(p path.Path, problem string) {
		if resp.Error == nil && len(offsets.Elements()) > 0 { // No offsets are no lines.
			resp.Error = function.NewArgumentFuncError(0, p.String()+": "+strings.TrimSuffix(problem, "."))
		}
	})
	if resp.Error == nil {
		resp.Error = resp.Result.Set(ctx, offset.EncodeCSV(offsetsOf(offsets)))
	}
}

// csvDecode is the function csv_decode.
type csvDecode struct{}

func newCSVDecode() function.Function { return csvDecode{} }

func (csvDecode) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "csv_decode"
}

func (csvDecode) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Read offsets from CSV",
		MarkdownDescription: "Reads lines of `topic,partition,offset`, as `kafka-consumer-groups --export` writes them, into offsets in the form that a resource's `offsets` takes. " +
			"Lines of one group that have the group in front are read too, and the group is left out. Quotes, blank lines, a heading and the line ends of Windows are no trouble; whatever is wrong is an error that names the line.",
		Parameters: []function.Parameter{function.StringParameter{
			Name: "text", MarkdownDescription: "The lines, for example from `file(\"offsets.csv\")`.",
		}},
		Return: function.MapReturn{ElementType: offsetsType},
	}
}

func (csvDecode) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	found, err := offset.DecodeCSV(text)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, offsetsValue(found.Offsets))
}
