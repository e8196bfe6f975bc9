// Command terraform-provider-offsets is the Terraform provider that resets the
// offsets of Apache Kafka and Apache RocketMQ consumer groups.
package main

import (
	"flag"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

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
	// Beside large records, that rhythm alone would let the garbage grow to four
	// times what is in use.
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
	var how []tf6server.ServeOpt
	if *wait {
		how = append(how, tf6server.WithManagedDebug())
	}
	err := tf6server.Serve("registry.terraform.io/terraform-offsets/offsets", func() tfprotov6.ProviderServer { return provider.NewServer(p) }, how...)
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
