//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// lookAtParent is how often it is seen whether Terraform is still there.
const lookAtParent = time.Second

// outlive has the process end when Terraform lets it go, and not before: a
// terminal that hangs up, a job that is stopped and a machine that shuts down
// tell both of them at the same time, and Terraform, which is asked to end,
// waits for what is being written. What is meant to end this process alone is
// SIGKILL. Once Terraform, the parent, is gone itself, end is called: a
// Terraform that was killed asks nobody to end, and the plugin library would
// wait for it forever.
func outlive(end func()) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGTERM)
	terraform := os.Getppid()
	go func() {
		for os.Getppid() == terraform {
			time.Sleep(lookAtParent)
		}
		end()
	}()
}
