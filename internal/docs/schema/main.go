// Command schema prints the provider's schemas as JSON, in the form of
// `terraform providers schema -json`, without Terraform: it asks the provider
// in its own process. It is the first step of generating the documentation and
// must not know what the schemas say.
//
// The documentation's generator looks a resource up as <provider>_<type>, while
// this provider's types begin with the name of the broker. So each type is
// printed with the provider's name before it; the templates take it off again.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

func main() {
	server, err := providerserver.NewProtocol6WithError(provider.New("dev"))()
	if err != nil {
		fail(err)
	}
	out, err := marshal(context.Background(), server, "offsets", "offsets_")
	if err != nil {
		fail(err)
	}
	fmt.Println(string(out))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
