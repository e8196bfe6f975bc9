//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

// lookAtParent is how often it is seen whether Terraform is still there.
const lookAtParent = time.Second

// outlive has the process end when Terraform lets it go or is gone, and not
// before: a terminal that hangs up, a job that is stopped and a machine that
// shuts down tell both of them at the same time, and Terraform, which is asked
// to end, waits for what is being written. What is meant to end this process
// alone is SIGKILL.
func outlive(p *provider.Provider) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGTERM)
	go endWithout(os.Getppid(), p)
}

// endWithout ends the process once Terraform, its parent, is gone and what was
// being written is finished and read back. A Terraform that was killed asks
// nobody to end, and the plugin library would wait for it forever.
func endWithout(terraform int, p *provider.Provider) {
	for os.Getppid() == terraform {
		time.Sleep(lookAtParent)
	}
	p.Finish()
	os.Exit(1)
}
