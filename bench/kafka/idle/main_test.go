package main

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

// What is held beside a reset has as many attributes as it.
func TestTheWideOneIsAsWideAsAReset(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := provider.New("test")
	for _, build := range p.Resources(ctx) {
		r := build()
		var name resource.MetadataResponse
		r.Metadata(ctx, resource.MetadataRequest{ProviderTypeName: "offsets"}, &name)
		if name.TypeName != "kafka_consumer_offset_reset" {
			continue
		}
		var of resource.SchemaResponse
		r.Schema(ctx, resource.SchemaRequest{}, &of)
		if got := len(of.Schema.Attributes); got != attributes {
			t.Errorf("a reset has %d attributes, and the idle resource %d", got, attributes)
		}
		return
	}
	t.Error("there is no reset of Kafka groups")
}
