// Command terraform-provider-offsets is the Terraform provider that resets the
// offsets of Apache Kafka and Apache RocketMQ consumer groups.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

// version is set when a release is built.
var version = "dev"

// memoryLimit is how much the process may take, in bytes, before it collects
// its garbage more often. It is no bound: what is in use stays.
const memoryLimit = 192 << 20

func main() {
	wait := flag.Bool("debug", false, "wait for a debugger, and print how Terraform can attach to this process")
	flag.Parse()

	var opts []provider.Option
	if !provider.LogWanted(os.Environ()) {
		quietSDK()
		if !*wait { // The log of a process that waits for a debugger is on its own terminal.
			opts = append(opts, provider.WithoutLog())
		}
	}
	// The process lives for one walk of Terraform. With 10,000 partitions,
	// collecting less often saves a tenth of an apply and costs some 20 MiB.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	// That rhythm alone would let the garbage of a thousand resources grow to
	// half a gigabyte.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	p := provider.New(version, opts...)
	if !*wait {
		outlive(func() { // what is being written is finished and read back
			p.Finish()
			os.Exit(1)
		})
	}
	// Terraform reads the log of this process through a pipe. Once it was
	// killed, the next line would end this process, in the middle of a commit.
	signal.Ignore(syscall.SIGPIPE)
	err := providerserver.Serve(context.Background(), func() frameworkprovider.Provider { return p }, providerserver.ServeOpts{
		Address: "registry.terraform.io/terraform-offsets/offsets",
		Debug:   *wait,
	})
	p.Finish() // After a second Ctrl-C, Terraform leaves two seconds for it.
	if closed := p.Close(); err == nil {
		err = closed
	}
	if err != nil {
		log.Fatal(err)
	}
}

// quietSDK turns the log of the plugin SDK off: otherwise every call writes
// lines that Terraform throws away, a quarter of this process's work.
func quietSDK() {
	if err := os.Setenv("TF_LOG_SDK", "OFF"); err != nil {
		log.Print(err)
	}
}
